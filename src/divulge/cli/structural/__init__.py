"""Checks that look at a model and its training records, and train nothing."""
