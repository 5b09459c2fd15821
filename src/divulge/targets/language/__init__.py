"""Language models: their tokens scored, and text sampled from them."""
