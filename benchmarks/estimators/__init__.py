"""Estimators of every kind, for the conformance table."""
