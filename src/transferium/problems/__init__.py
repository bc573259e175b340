"""What is predicted, one file for each kind of problem."""
