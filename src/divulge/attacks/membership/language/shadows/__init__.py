"""Attacks on language models that compare the target with shadow fine-tunes."""
