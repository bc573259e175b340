"""Domain adaptation on arrays of features: closed forms and small solvers, NumPy and SciPy only."""
