"""The sections of a report, one file each; registry.py lists them in their order."""
