"""Records rebuilt from the updates that a client sends."""
