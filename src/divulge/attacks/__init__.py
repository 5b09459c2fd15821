"""Attacks, one file each, by family.  An attack file imports the words of `core` and nothing else of divulge."""
