"""How models are trained: recipes, and the shadow models made with them."""
