"""The scikit-learn face: a classifier and a regressor."""
