"""Attacks on who was in the table behind a synthetic one: from the table alone, and with generators of one's own."""
