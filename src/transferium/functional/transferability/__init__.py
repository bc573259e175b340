"""How well a model will serve new data, read off features or answers that it gives without training: NumPy only."""
