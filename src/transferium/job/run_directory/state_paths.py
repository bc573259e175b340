"""Where a run keeps its state while it is under way; this module imports nothing."""

STATE = "state"
"""The state folder inside the run directory; a finished run has none."""
COMMAND = "command.json"
"""The file in ``STATE`` with the command and options of an interrupted ``fit``; it marks the run as interrupted."""
