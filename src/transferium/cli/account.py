"""The account of what was read: what the data was taken for, and what of it is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transferium.cli.echo import echo

if TYPE_CHECKING:
    from transferium.data.domain import Domain


def say_read(domain: Domain, *, err: bool = False, left: bool = True, warned: bool = False) -> None:
    """Print the layout in one line, and with ``left`` a line for each reason for which something was left out.

    ``warned`` says that those of weight were said already, as warnings.
    """
    from transferium.data.doctor.left_out import left_out

    if domain.layout:
        echo(f"{domain.layout}.", err=err)
    for finding in left_out(domain) if left else []:
        if finding.severity == "note" or not warned:
            echo(f"{finding.severity}: {finding.message}", err=err)
