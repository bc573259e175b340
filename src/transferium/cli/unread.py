"""Options of ``fit`` that would have no effect beside the others: they are refused, not ignored."""

from __future__ import annotations

from typing import Any

import click
from click.core import ParameterSource


def refuse_unread(context: click.Context, options: dict[str, Any]) -> None:
    """Raise ``UsageError`` for an option that was given and has no effect beside the others."""
    from transferium.job.options import PRETRAIN

    typed = {name for name in options if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    if "budget" in typed and options["method"] != "auto":
        raise click.UsageError(
            f"--budget is time for --method auto to try more, and the method is {options['method']}: leave it out."
        )
    if options["shots"] is None and "draws" in typed:
        raise click.UsageError(
            "--draws repeats the draw of --shots, and there is no --shots: give it, as in --shots 8."
        )
    of_pretraining = [pair for pair in options["settings"] if pair.startswith(PRETRAIN)]
    if options["pretrain"] is None and ("objective" in typed or of_pretraining):
        what = f"--set {of_pretraining[0]}" if of_pretraining else "--objective"
        raise click.UsageError(f"{what} is of a pretraining, and none was asked for: give --pretrain CORPUS.")
    if options["pretrain"] is not None and (options["source"] or isinstance(options["label"], tuple | list)):
        beside = "--source adapts to a target" if options["source"] else "--label names several tasks"
        raise click.UsageError(
            f"--pretrain goes before the fit of one task, and {beside}: use transferium pretrain, and then give its "
            "folder as --backbone."
        )
    if options["source"]:
        if options["shots"] is not None:
            raise click.UsageError("--shots draws from data that a model is fitted to: leave it out beside --source.")
        if "test_size" in typed:
            raise click.UsageError(
                "--test-size divides data that a model is fitted to, and beside --source nothing is: divide the target "
                "into parts, and its test part is held out."
            )
        return
    for name, what in {"few": "are labelled examples of a target", "oracle": "asks a target's labels"}.items():
        if name in typed:
            raise click.UsageError(f"--{name} {what} beside a --source, and there is no --source.")
    if "map" in typed:
        raise click.UsageError("--map draws a target beside a --source, and there is no --source.")
