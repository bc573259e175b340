"""The one place where commands print: nothing from a file can steer the terminal, and a full disk is said."""

from __future__ import annotations

import click

from transferium.errors import InputError
from transferium.system.printable import without_controls


def echo(text: str, *, err: bool = False) -> None:
    """Print ``text`` and a line end, with control characters in it written out.

    Raises ``InputError`` where standard output takes no more, and ``BrokenPipeError`` where its reader has gone.
    """
    try:
        click.echo(without_controls(text), err=err)
    except BrokenPipeError:
        raise
    except OSError as error:
        where = "standard error" if err else "standard output"
        raise InputError(f"{where} cannot be written to: {error.strerror}.") from error
