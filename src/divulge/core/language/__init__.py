"""Texts, and what a language model says of each of their tokens."""
