"""Attacks on language models by what they say of each token."""
