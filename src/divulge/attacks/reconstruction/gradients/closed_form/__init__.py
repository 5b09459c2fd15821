"""Records solved for layer by layer."""
