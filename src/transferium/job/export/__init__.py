"""A saved model in a form that other programs run or read."""
