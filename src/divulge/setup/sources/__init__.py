"""From what a user gives to records, targets and recipes."""
