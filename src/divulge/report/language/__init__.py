"""What reports say of language models."""
