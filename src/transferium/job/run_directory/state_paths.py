"""Where a run keeps what it is in the middle of; read by whoever must not import more than this."""

STATE = "state"
"""In the run directory, and gone from the finished run."""
COMMAND = "command.json"
"""In ``STATE``: what an interrupted ``fit`` was told, by which it is known."""
