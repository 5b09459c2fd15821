"""One extension of each kind, about sequences of events: what a stranger's package looks like."""
