"""``transferium export RUN``."""

from __future__ import annotations

from pathlib import Path

import click

from transferium.cli import options as opt
from transferium.cli.echo import echo
from transferium.job.export.formats import FORMATS


@click.command("export")
@opt.run_argument
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMATS)),
    default="onnx",
    show_default=True,
    help="; ".join(f"{name}: {form.help}" for name, form in FORMATS.items()) + ".",
)
@click.option("--out", type=opt.GivenPath(), required=True, metavar="PATH", help="The file or folder to write.")
def export_command(run: Path, form: str, out: Path) -> None:
    """Write the model in RUN for other programs.

    What is written holds backbone, head, temperature and names of the classes, and answers as predict does; that is
    checked before it is written. torch and huggingface need PyTorch here.
    """
    from transferium.job.export.run import export

    size = export(run, out, form)
    echo(f"{out}: {size / 1e6:,.1f} MB" if size >= 5e4 else f"{out}: {size:,} bytes")
