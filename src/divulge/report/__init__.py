"""Findings become something that a person reads.  Draws only: no statistics, no torch, no files of a run."""
