"""Defences of the updates that clients send in federated learning."""
