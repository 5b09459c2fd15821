"""Recipes: how a model of each kind is trained again."""
