"""Membership from gradients and activations."""
