"""Records rebuilt from a model file alone."""
