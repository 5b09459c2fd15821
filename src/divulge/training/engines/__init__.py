"""Engines: many models trained in stacks, threads, processes or on Ray."""
