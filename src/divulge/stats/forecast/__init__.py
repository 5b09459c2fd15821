"""From what was seen to what was not: other base rates, the next model, one record, attacks not yet played."""
