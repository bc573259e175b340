"""How alike two sets of activations of the same examples are: NumPy only."""
