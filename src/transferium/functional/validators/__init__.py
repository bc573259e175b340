"""Validators: scores of a model on an unlabelled target, higher is better; an error where one cannot be computed."""
