"""Adapters, one file each.  An adapter knows one kind of model and no attack."""
