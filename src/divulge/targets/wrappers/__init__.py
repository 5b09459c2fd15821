"""Targets made of other targets."""
