"""The jobs behind the commands: from a path to a run directory, and from a run directory to predictions."""
