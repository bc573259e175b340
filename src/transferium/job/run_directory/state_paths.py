"""Names of what lies in a run directory beside a model; this module imports nothing."""

STATE = "state"
"""The state folder inside the run directory; a finished run has none."""
COMMAND = "command.json"
"""The file in ``STATE`` with the command and options of an interrupted ``fit``; it marks the run as interrupted."""
TASKS = "tasks.json"
"""The file that marks a folder of several tasks, a run for each."""
