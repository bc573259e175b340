"""``transferium near EXAMPLE --in DATA``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from transferium.cli import options as opt
from transferium.cli.echo import echo
from transferium.cli.tables import table


@click.command("near")
@click.argument("example")
@click.option("--in", "place", type=opt.GivenPath(), required=True, metavar="DATA", help="Data, or a folder of embed.")
@click.option("--count", type=click.IntRange(1, 1000), default=5, show_default=True, help="How many to show.")
@opt.backbone("A name, or a run: as that sees them.")
@opt.columns
@opt.engine
@opt.as_json
def near_command(example: str, place: Path, count: int, **options: Any) -> None:
    """The examples of DATA nearest to EXAMPLE, a file or a text, by the cosine of their features."""
    from transferium.data.doctor.findings import by_reason
    from transferium.job.features.nearest_examples import nearest_examples

    embedder, columns = opt.make_embedder(options, stays_open=True), opt.named_columns(options)
    found = nearest_examples(example, place, embedder, backbone=options["backbone"], count=count, **columns)
    for said in by_reason(found.unreadable):
        echo(f"warning: {said}; they are not searched", err=True)
    if options["as_json"]:
        echo(json.dumps({"near": [asdict(one) for one in found.near], "searched": found.searched}, ensure_ascii=False))
        return
    labelled = any(one.label is not None for one in found.near)
    rows = [[f"{one.similarity:.3f}", one.id, *([one.label or ""] if labelled else [])] for one in found.near]
    echo(table(rows, ["cosine", "example", *(["label"] if labelled else [])]))
