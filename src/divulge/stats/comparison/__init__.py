"""Whether two sets of scores differ by more than chance: paired where they are about the same records."""
