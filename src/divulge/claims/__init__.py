"""What is tested besides a model's leaks: the use of a data set, an epsilon, the rounds of a federated training."""
