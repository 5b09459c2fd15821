"""Attacks on functionality that learn what is worth asking about."""
