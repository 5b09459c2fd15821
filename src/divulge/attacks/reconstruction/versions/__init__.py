"""Records rebuilt from the difference between two versions of a model."""
