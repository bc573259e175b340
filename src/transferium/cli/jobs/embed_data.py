"""``transferium embed DATA``: features as a Parquet file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from transferium.cli import options as opt
from transferium.cli.account import say_read
from transferium.cli.echo import echo


@click.command("embed")
@opt.data_argument
@click.option("--out", type=opt.GivenPath(), required=True, metavar="FOLDER", help="The folder to write.")
@opt.backbone("A name, or a run: its network as it was tuned.")
@opt.columns
@opt.engine
def embed_command(data: Path, out: Path, **options: Any) -> None:
    """Write the features of DATA to a Parquet file: id, label where there is one, vector.

    For FAISS, LanceDB, DuckDB and transferium near. Memory holds a few thousand examples at a time.
    """
    from transferium.data.doctor.findings import by_reason
    from transferium.data.read import read_path
    from transferium.job.features.features_folder import TABLE, write_features
    from transferium.job.features.seen_by import seen_by

    domain = read_path(data, **opt.named_columns(options))
    say_read(domain, err=True)
    embedder = opt.make_embedder(options, stays_open=True)
    domain, backbone = seen_by(options["backbone"], domain, embedder)
    written = write_features(domain, backbone, embedder, out).told
    for said in by_reason(written["unreadable"]):
        echo(f"warning: {said}; they have no row", err=True)
    echo(f"{written['examples']} vectors of {written['width']} numbers written to {out / TABLE}")
