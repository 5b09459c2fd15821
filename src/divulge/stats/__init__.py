"""Evidence in, estimates out: pure functions, and the only place where numbers get their intervals."""
