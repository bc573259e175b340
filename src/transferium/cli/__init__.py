"""The command line: every command is a thin wrapper around one function of the library."""

from transferium.cli.app import main

__all__ = ["main"]
