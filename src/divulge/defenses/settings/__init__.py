"""Defences that change a recipe's settings."""
