"""Data that malicious training code hid in a model (Song, Ristenpart and Shmatikov 2017)."""
