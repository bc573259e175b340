"""What commands do where there are several tasks: ``fit --label a --label b``, and runs that hold them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from transferium.cli import options as opt
from transferium.cli import tables
from transferium.cli.account import say_read
from transferium.cli.echo import echo

if TYPE_CHECKING:
    from transferium.job.options import FitOptions
    from transferium.job.stopwatch import Stopwatch


def fit(data: Path, asked: FitOptions, watch: Stopwatch, options: dict[str, Any], anew: bool) -> None:
    """``fit`` with several ``--label``: DATA is a table with that many columns of labels."""
    from transferium.job.run_directory.resume import begin_anew, remembering
    from transferium.job.tasks.several_tasks import fit_tasks_job, read_tasks

    if options["source"]:
        raise click.UsageError("--source adapts one task, and --label was given several times: give it once.")
    with watch("read"):
        tasks = read_tasks(data, options["label"], {k: v for k, v in asked.columns.items() if k != "label"})
    say_read(next(iter(tasks.values())), machine=options["as_json"])
    begin_anew(asked.out, anew)
    with remembering(asked.out, options, asked.command):
        run = fit_tasks_job(tasks, asked, opt.make_embedder(options), watch)
    tables.say_end(run, summary, asked.out, "the models, in a folder for each task", as_json=options["as_json"])


def summary(run: dict[str, Any]) -> str:
    """Each task's figure beside its best reference, and what solving them together came to."""
    rows = []
    for name, one in run["tasks"].items():
        label, value = tables.figures(one["test"], one["problem"])[0]
        rows.append([name, label, value, one["verdict"]])
    lines = [
        f"{run['name']}: {run['rule']}",
        "",
        tables.table(rows, ["task", "figure", "value (95 % interval)", "transfer"]),
    ]
    lines += ["", *(f"{name}: {one['verdict_sentence']}" for name, one in run["tasks"].items())]
    return "\n".join([*lines, run["verdict_sentence"], f"{run['seconds']['total']:.1f} s in all."])


def predict(run: Path, data: Path, options: dict[str, Any]) -> None:
    """``predict`` with a run of several tasks."""
    from transferium.data.doctor.findings import by_reason
    from transferium.job.predict.predictions import check_out
    from transferium.job.tasks.saved_tasks import predict_tasks

    if options["out"] is not None:
        check_out(options["out"], data)
    found = predict_tasks(run, data, opt.named_columns(options), opt.make_embedder(options))
    say_read(found.first.domain, err=True, warned=True)
    for said in by_reason(found.first.problems):
        echo(f"warning: {said}; predictions are empty there", err=True)
    if options["as_json"]:
        echo(json.dumps(found.as_records(), ensure_ascii=False))
    if options["out"] is not None or not options["as_json"]:
        found.write(options["out"])
    if options["out"] is not None and not options["as_json"]:
        echo(f"{len(found.first.domain)} predictions of {len(found.models)} tasks written to {options['out']}")


def evaluate(run: Path, data: Path, options: dict[str, Any]) -> None:
    """``evaluate`` with a run of several tasks."""
    from transferium.job.tasks.saved_tasks import evaluate_tasks, folder_of, load_tasks

    if given := [f"--{name}" for name in ("full", "quick", "by", "against", "report") if options[name]]:
        first = next(iter(load_tasks(run)))
        raise click.UsageError(
            f"{run} holds several tasks, and {given[0]} looks at one model: give its folder, as "
            f"{run / folder_of(first)}."
        )
    models, embedder = load_tasks(run), opt.make_embedder(options)
    found = evaluate_tasks(run, models, data, opt.named_columns(options), embedder, seed=options["seed"])
    if options["as_json"]:
        echo(json.dumps({"tasks": found}, ensure_ascii=False))
        return
    for name, one in found.items():
        echo(tables.evaluated(one, models[name].problem.kind, f"{name}, {one['examples']} examples"))
