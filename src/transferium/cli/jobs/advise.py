"""``transferium advise TARGET``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from transferium.cli import options as opt
from transferium.cli.echo import echo
from transferium.cli.sources import WithSources


@click.command("advise", cls=WithSources)
@click.argument("target", type=opt.GivenData())
@click.option("--source", multiple=True, type=opt.GivenData(), metavar="PATH...", help="Labelled data to learn from.")
@click.option("--budget", metavar="TIME", help="The time that there is: 90s, 10m, 1h.")
@opt.backbone("What would make the features.")
@opt.columns
@opt.as_json
def advise_command(target: Path, **options: Any) -> None:
    """A plan for TARGET: extract, tune or adapt, in which order, by which commands, and how long that should take here.

    A few examples are embedded and trained on to measure their cost; nothing is fitted. Each step has its evidence, and
    no accuracy is promised.
    """
    from transferium.job.advise.run import advise

    told = advise(
        target,
        sources=options["source"],
        budget=opt.seconds(options["budget"]),
        backbone=options["backbone"],
        **opt.named_columns(options),
    )
    echo(json.dumps(told, ensure_ascii=False) if options["as_json"] else summary(told))


def summary(told: dict[str, Any]) -> str:
    """What was found, the steps in order, and what must be known of them."""
    target, measured, machine = told["target"], told["measured"], told["machine"]
    labels = f", {target['classes']} classes, {target['fewest_of_a_class']} labels or more of each"
    lines = [
        f"{target['name']}: {target['examples']:,} {target['kind']} examples"
        + (labels if target["fewest_of_a_class"] is not None else ", no labels"),
        f"{machine['cores']} cores, {'a' if machine['gpu'] else 'no'} GPU; {measured['backbone']}: "
        f"{1000 * measured['seconds_of_an_embedded_example']:.1f} ms to embed an example"
        + (
            f", {1000 * measured['seconds_of_a_training_example']:.1f} ms to train on it"
            if "seconds_of_a_training_example" in measured
            else ""
        ),
        *(f"A-distance to {name}: {value:.2f}" for name, value in measured["a_distance"].items()),
    ]
    for number, step in enumerate(told["plan"], start=1):
        cost = ["not measured" if step["minutes"] is None else f"about {_duration(step['minutes'])}"]
        cost += [] if step["memory_gb"] is None else [f"{step['memory_gb']:.1f} GB"]
        cost += ["longer than the budget"] if step["fits"] is False else []
        lines += ["", f"{number}. {step['what']} ({', '.join(cost)}): {step['why']}", f"   {step['command']}"]
        lines.append(f"   Evidence: {step['evidence']}.")
    return "\n".join([*lines, "", *(f"Note: {note}" for note in told["notes"])])


def _duration(minutes: float) -> str:
    if minutes < 1.5:
        return f"{60 * minutes:.0f} s"
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
