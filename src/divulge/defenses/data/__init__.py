"""Defences of the data: what is trained on, and what is asked about."""
