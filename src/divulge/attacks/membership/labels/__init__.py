"""Membership from labels alone."""
