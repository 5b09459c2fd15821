"""Sections about language models."""
