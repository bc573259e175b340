"""``transferium next RUN POOL``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from transferium.cli import options as opt
from transferium.cli.account import say_read
from transferium.cli.echo import echo


@click.command("next")
@opt.run_argument
@click.argument("pool", type=opt.GivenData())
@click.option("--count", type=click.IntRange(1), default=20, show_default=True, help="How many examples.")
@click.option("--rule", type=click.Choice(("both", "uncertainty", "coverage")), default="both", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="The CSV list to write.")
@opt.columns
@opt.engine
@opt.as_json
def next_command(run: Path, pool: Path, **options: Any) -> None:
    """Which examples of POOL to label next, for the model in RUN.

    Those that the model cannot decide on (uncertainty), typical ones of every region (coverage), or both at once.
    Labels of POOL are not looked at, and what the model learned from is not chosen.
    """
    from transferium.artifact import load_artifact
    from transferium.job.next_labels.run import check_list, choose_next
    from transferium.job.predict.apply import read_to_answer

    if options["out"] is not None:
        check_list(options["out"])
    artifact = load_artifact(run)
    domain = read_to_answer(artifact, pool, opt.named_columns(options))
    say_read(domain, err=True, warned=True)
    chosen = choose_next(artifact, domain, opt.make_embedder(options), count=options["count"], rule=options["rule"])
    if options["out"] is not None:
        chosen.write(options["out"])
    if options["as_json"]:
        echo(json.dumps(chosen.as_records(), ensure_ascii=False))
        return
    left = [f"{n:,} {why}" for n, why in ((chosen.known, "learned from"), (chosen.unread, "that cannot be read")) if n]
    of = f"{len(chosen.rows)} of {len(domain):,} examples" + (f" (without {' and '.join(left)})" if left else "")
    where = "" if options["out"] is None else f", written to {options['out']}"
    echo(f"To label next: {of}{where}")
    if options["out"] is None:
        for record in chosen.as_records():
            echo(f"{record['id']}: {record['predicted']}, margin {record['margin']:.3f}")
