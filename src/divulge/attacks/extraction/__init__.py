"""Attacks that copy a model, or tell how it was made."""
