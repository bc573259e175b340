"""Scores for a model on an unlabelled target: higher is better, and each says when it cannot be computed."""
