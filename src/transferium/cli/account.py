"""The account of what was read: what the data was taken for, and what of it is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transferium.cli.echo import echo
from transferium.cli.progress import is_quiet

if TYPE_CHECKING:
    from transferium.data.domain import Domain


def say_read(domain: Domain, *, machine: bool = False, err: bool = False, warned: bool = False) -> None:
    """Print the layout in one line, and a line for each reason for which something was left out.

    For a ``machine`` only what was left out and counts goes to standard error. ``warned`` says that this was said
    already, as warnings.
    """
    from transferium.data.doctor.left_out import left_out

    if domain.layout and not machine and not is_quiet():
        echo(f"{domain.layout}.", err=err)
    for finding in left_out(domain):
        if not (machine if finding.severity == "note" else warned):
            echo(f"{finding.severity}: {finding.message}", err=err or machine)
