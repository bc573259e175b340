"""Small worlds whose right answers are known, and small data made on the spot."""
