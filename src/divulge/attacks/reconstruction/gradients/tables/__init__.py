"""Tables behind updates: categories and quantities sought together."""
