"""What follows from a finished run: forecasts, and what remains of it where its split is at fault."""
