"""What a model's owner can do about it: one file a defence."""
