"""Model inversion: inputs rebuilt from labels, scores or a classifier's weights."""
