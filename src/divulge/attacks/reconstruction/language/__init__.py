"""Attacks that make a language model write out its training texts, and the secrets in them."""
