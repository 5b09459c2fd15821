"""Where the rooms of floor 1 meet: a job is planned, played, stored and judged."""
