"""What evidence says of a promise of differential privacy: bounds on epsilon, and on mu."""
