"""What a model tells about its training set as a whole: the parts of `property.py`."""
