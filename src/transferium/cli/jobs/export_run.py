"""``transferium export RUN``."""

from __future__ import annotations

from pathlib import Path

import click

from transferium.cli import options as opt
from transferium.cli.echo import echo


@click.command("export")
@opt.run_argument
@click.option(
    "--format", "form", type=click.Choice(["onnx", "card"]), default="onnx", show_default=True, help="What to write."
)
@click.option("--out", type=opt.GivenPath(), required=True, metavar="FILE", help="The file to write.")
def export_command(run: Path, form: str, out: Path) -> None:
    """Write the model in RUN as a file that other programs read; no PyTorch is needed.

    onnx is one file with backbone, head and temperature in it, which onnxruntime answers with as predict does; its
    metadata holds classes and preprocessing as JSON. card is a model card in Markdown.
    """
    from transferium.job.export.run import export

    size = export(run, out, form)
    echo(f"{out}: {size / 1e6:,.1f} MB" if form == "onnx" else f"{out}: {size:,} bytes")
