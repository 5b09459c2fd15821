"""Attacks that rebuild records, attributes, images and text."""
