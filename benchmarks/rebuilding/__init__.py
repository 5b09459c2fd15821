"""What of the training data can be rebuilt: the parts of `reconstruction.py`."""
