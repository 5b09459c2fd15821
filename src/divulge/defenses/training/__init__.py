"""Defences that replace the training."""
