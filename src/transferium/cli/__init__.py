"""The command line: every command is a thin wrapper around one function of the library."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit; Ctrl-C is said in one line from the first import on (exit code 130)."""
    try:
        from transferium.cli.app import main as run

        run(arguments)
    except (Exception, KeyboardInterrupt) as error:
        from transferium.training.resume.interruption import asked_to_end

        asked = asked_to_end(error)
        if asked is None:
            raise
        print("interrupted: nothing was begun; give the same command again.", file=sys.stderr)
        sys.exit(128 + asked)
