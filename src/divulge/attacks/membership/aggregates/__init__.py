"""Who was counted: by counts that were published, and records of the same population."""
