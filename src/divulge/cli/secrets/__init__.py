"""Verbs about secrets in the training texts of language models."""
