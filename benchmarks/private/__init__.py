"""Private trainings and their audits: the parts of `epsilon.py`."""
