"""How far apart two domains are, and in what way: numbers with their uncertainty, NumPy only."""
