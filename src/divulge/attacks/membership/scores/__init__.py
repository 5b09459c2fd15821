"""Membership from one answer of the target, compared with a threshold."""
