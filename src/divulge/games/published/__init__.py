"""Games of what was published instead of records."""
