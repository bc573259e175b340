"""``transferium compare SOURCE TARGET``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from transferium.cli import options as opt
from transferium.cli.account import say_read
from transferium.cli.echo import echo
from transferium.cli.tables import table


@click.command()
@click.argument("source", type=opt.GivenData())
@click.argument("target", type=opt.GivenData())
@opt.backbone("What makes the features.")
@click.option("--seed", type=opt.SEED, default=0, show_default=True, help="Seed of samples and permutations.")
@opt.columns
@opt.engine
@opt.as_json
def compare(source: Path, target: Path, **options: Any) -> None:
    """How far TARGET is from the labelled SOURCE, in what way, and which methods fit.

    Labels of TARGET, if it has any, show what the source's model loses on it and what its class shares are, and serve
    nothing else.
    """
    from transferium.job.adapt.read_pair import read_pair
    from transferium.job.compare.run import compare_domains

    pair = read_pair(target, [source], opt.named_columns(options))
    for domain in (pair.source, pair.target):
        say_read(domain, machine=options["as_json"])
    told = compare_domains(pair, opt.make_embedder(options), backbone=options["backbone"], seed=options["seed"])
    echo(json.dumps(told, ensure_ascii=False) if options["as_json"] else summary(told))


def summary(told: dict[str, Any]) -> str:
    """The shifts by name, the figures behind them, and the advice."""
    sides = [f"{told[side]['name']} ({told[side]['examples']})" for side in ("source", "target")]
    lines = [f"{sides[0]} -> {sides[1]}, {told['kind']} seen through {told['backbone']}", ""]
    lines += [f"- {kind}" for kind in told["kinds"]]
    covariate = told["covariate"]
    if "reason" not in covariate:
        accuracy, frechet = covariate["domain_accuracy"], covariate["frechet"]
        within = (
            "" if frechet["within_source"] is None else f" (two halves of the source: {frechet['within_source']:.4g})"
        )
        ends = f"({100 * accuracy['low']:.1f} to {100 * accuracy['high']:.1f})"
        lines += [
            "",
            f"A domain classifier is right {100 * accuracy['value']:.1f} % of the time "
            f"{ends}; Fréchet distance {frechet['value']:.4g}{within}.",
        ]
    if shares := told["label"].get("shares"):
        lines += ["", _shares(shares[:15])]
    lines += _surface(told["surface"])
    lines += ["", "What fits:", *(f"- {advice}" for advice in told["advice"])]
    return "\n".join([*lines, *(f"Note: {note}." for note in told["notes"])])


def _shares(shares: list[dict[str, Any]]) -> str:
    """Class shares of both domains, those of the target as they are estimated and, with its labels, as they are."""
    heads, counted = ["class", "share in the source", "in the target, estimated"], "counted" in shares[0]
    cells = []
    for r in shares:
        estimate = "does not hold"
        if "value" in r:
            estimate = f"{100 * r['value']:.1f} % ({100 * r['low']:.1f} to {100 * r['high']:.1f})"
        seen = [f"{100 * r['counted']:.1f} %"] if counted else []
        cells.append([r["class"], f"{100 * r['source']:.1f} %", estimate, *seen])
    return table(cells, [*heads, "counted from target labels"] if counted else heads)


def _surface(found: dict[str, Any]) -> list[str]:
    lines = []
    if rows := found.get("measures"):
        cells = [[r["measure"], f"{r['source']:.4g}", f"{r['target']:.4g}", f"{r['difference']:+.2f}"] for r in rows]
        if named := "statistic" in rows[0]:
            cells = [[*cell, row["statistic"]] for cell, row in zip(cells, rows, strict=True)]
        heads = ["measure", "source", "target", *(["difference", "by"] if named else ["difference (d)"])]
        lines += ["", table(cells, heads)]
    if types := found.get("file_types"):
        said = [", ".join(f"{n} {name or 'unknown'}" for name, n in side.items()) for side in types.values()]
        lines.append(f"File types: {said[0]} in the source sample, {said[1]} in the target sample.")
    if "source_words" in found:
        lines += [
            "",
            f"Words of the source: {', '.join(found['source_words'])}",
            f"Words of the target: {', '.join(found['target_words'])}",
        ]
    return lines
