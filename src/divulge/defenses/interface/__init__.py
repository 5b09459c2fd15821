"""Defences of the interface: what is answered, and who is watched."""
