"""Defences against attacks: the parts of `defenses.py`."""
