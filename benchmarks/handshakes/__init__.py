"""Models with a fault planted between them and their owner, and sound ones that look odd."""
