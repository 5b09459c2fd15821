"""Inputs rebuilt from the activations that a split model gives out."""
