"""One party of a vertical federation against another."""
