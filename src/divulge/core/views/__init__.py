"""What each kind of attack is given: an oracle, clues, and the auxiliary knowledge that its card asks for."""
