"""``transferium compare-runs A B``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from transferium.cli import options as opt
from transferium.cli.echo import echo
from transferium.cli.tables import interval, table


@click.command("compare-runs")
@click.argument("a", type=opt.GivenPath())
@click.argument("b", type=opt.GivenPath())
@click.option("--seed", type=opt.SEED, default=0, show_default=True, help="Seed of the bootstrap.")
@opt.as_json
def compare_runs_command(a: Path, b: Path, **options: Any) -> None:
    """Whether run A or run B is better on the test examples of both, which must be the same.

    With a paired bootstrap interval, and for classes McNemar's exact test.
    """
    from transferium.job.compare.two_runs import compare_runs

    told = compare_runs(a, b, seed=options["seed"])
    echo(json.dumps(told, ensure_ascii=False) if options["as_json"] else summary(told))


def summary(told: dict[str, Any]) -> str:
    """Both figures, the difference, and what follows."""
    headline = next(key for key, value in told.items() if isinstance(value, dict) and set(value) == {"a", "b"})
    rows = [[told[side], f"{told[headline][side]:.4g}"] for side in "ab"]
    lines = [table(rows, ["run", headline.replace("_", " ")]), ""]
    lines.append(f"Gain of A over B: {interval(told['difference'])}, on the same {told['examples']} test examples.")
    if "p_value" in told:
        alone = f"right alone: A {told['only_a']}, B {told['only_b']}"
        lines.append(f"McNemar's test: p = {told['p_value']:.3g} ({alone}).")
    return "\n".join([*lines, f"{told['verdict']}."])
