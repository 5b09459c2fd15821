"""Records of mixed columns in numbers among which distances mean something."""
