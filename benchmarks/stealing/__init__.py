"""What can be stolen through an interface: the parts of `extraction.py`."""
