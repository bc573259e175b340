"""The progress of a command, on standard error, and whether it was asked to be quiet."""

from __future__ import annotations

import click

from transferium.system.display import Display, somebody_looks
from transferium.system.processes import rank


def terminal_progress(quiet: bool = False) -> Display | None:
    """A bar in a terminal, a line every ten seconds elsewhere; nothing with ``quiet`` and in all processes but one."""
    return None if quiet or rank() > 0 else Display(bars=somebody_looks())


def command_progress() -> Display | None:
    """The progress of the command that runs: one display for all that it does."""
    kept = click.get_current_context().find_root().meta
    return kept.setdefault("transferium.display", terminal_progress(is_quiet()))


def is_quiet() -> bool:
    """Whether ``--quiet`` was given."""
    return bool(click.get_current_context().find_root().params.get("quiet"))
