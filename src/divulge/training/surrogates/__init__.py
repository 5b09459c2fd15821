"""Models that learn from another model's answers."""
