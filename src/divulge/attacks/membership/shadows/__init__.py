"""Membership by comparison with shadow models, trained with the record and without it."""
