"""What holds for every objective and every method, and the tables of what it is asked of."""
