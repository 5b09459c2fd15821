"""What is known: attacks by name, papers, standards.  Tables that a person can read."""
