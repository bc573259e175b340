"""``transferium rank TARGET``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import click

from transferium.cli import options as opt
from transferium.cli.account import say_read
from transferium.cli.echo import echo
from transferium.cli.sources import WithSources
from transferium.cli.tables import table

if TYPE_CHECKING:
    from transferium.job.rank.ranking import Ranking

MOST = 7
"""The most scores that the table shows; --json has them all."""


class WithCandidates(WithSources):
    """A command with several words after ``--sources`` and ``--backbones``."""

    several: ClassVar[dict[str, str]] = {
        "--sources": "labelled data or runs",
        "--backbones": "names of backbones or runs",
    }


@click.command("rank", cls=WithCandidates)
@click.argument("target", type=opt.GivenData())
@click.option("--backbones", multiple=True, metavar="NAME...", help="Backbones, layers or runs.  [default: all here]")
@click.option("--sources", multiple=True, type=opt.GivenData(), metavar="PATH...", help="Labelled data, or saved runs.")
@click.option("--seed", type=opt.SEED, default=0, show_default=True, help="Seed of folds and samples.")
@opt.columns
@opt.engine
@opt.as_json
def rank_command(target: Path, **options: Any) -> None:
    """Which backbone, saved run or labelled source suits TARGET, without training any.

    Backbones are compared by the labels of TARGET, its test part left alone: a probe and neighbours on held-out
    examples, LogME, H-score, TransRate, GBC, PARC, and for saved runs LEEP and NCE. NAME@3 is the third layer of an
    encoder of texts, NAME@mean the mean of its layers, NAME@all each of them. Sources, data or saved runs, are compared
    by what their models get right on the labels of TARGET, where it has any, else by how near its inputs are.
    """
    from transferium.job.adapt.read_pair import read_target
    from transferium.job.rank.run import named, rank_candidates

    columns = opt.named_columns(options)
    domain = read_target(target, columns)
    say_read(domain, machine=options["as_json"])
    ranking = rank_candidates(
        *(domain, named(options["backbones"]), named(options["sources"]), opt.make_embedder(options)),
        seed=options["seed"],
        columns=columns,
    )
    echo(json.dumps(ranking.as_dict(), ensure_ascii=False) if options["as_json"] else summary(ranking))


def summary(ranking: Ranking) -> str:
    """A table of the candidates, the recommended one first, and the reason and the doubt."""
    found = ranking.candidates
    names = [ranking.by, *(name for name in found[0].scores if name != ranking.by)][:MOST]
    rows = [
        [c.name, *(f"{c.scores[n]:.3f}" if n in c.scores else "–" for n in names), f"{c.seconds:.1f}"] for c in found
    ]
    told = ranking.as_dict()
    lines = [table(rows, ["candidate", *(name.replace("_", " ") for name in names), "seconds"]), ""]
    lines.append(f"Recommended: {told['recommended']}. {told['reason']}")
    return "\n".join([*lines, *([f"Doubt: {told['doubt']}"] if told["doubt"] else [])])
