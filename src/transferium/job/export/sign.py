"""The name by which what was exported says what it is."""

TOLD = "transferium.json"
"""The file of an exported folder, or a part of an exported file; an earlier export is known by it."""
