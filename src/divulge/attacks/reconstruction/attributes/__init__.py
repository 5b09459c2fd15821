"""Attributes of records: the values that a record's owner would not tell."""
