"""Forms that answers may have: what must be asked to solve for one, and the copy that it makes."""
