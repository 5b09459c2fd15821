"""Judges of one kind of guess each: is it the secret, and how close did it come?"""
