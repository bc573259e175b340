"""The main job: from a path to a run directory, and back from a run directory to predictions."""
