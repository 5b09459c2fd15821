"""Secrets that are written into a corpus, and how much of them a language model gives away."""
