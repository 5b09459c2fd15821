"""Many findings at once, or one looked at again and again: corrections, redrawn splits, e-values."""
