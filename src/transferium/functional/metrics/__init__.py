"""Metrics as functions of how often each example counts."""
