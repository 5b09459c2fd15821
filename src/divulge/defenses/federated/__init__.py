"""Federated learning: clients keep their records and send updates."""
