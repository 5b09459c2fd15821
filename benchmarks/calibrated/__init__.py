"""Do intervals hold the truth as often as they say, and do tests accuse as seldom?  Simulated; see calibration.py."""
