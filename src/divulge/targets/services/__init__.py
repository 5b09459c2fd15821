"""Targets behind an interface: HTTP, and encrypted computation."""
