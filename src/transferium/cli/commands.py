"""The commands themselves: read the options, call the library, print."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from transferium.cli import augmented, tables
from transferium.cli import options as opt
from transferium.cli.account import say_read
from transferium.cli.echo import echo
from transferium.cli.jobs import several
from transferium.cli.progress import command_progress
from transferium.cli.sources import WithSources

if TYPE_CHECKING:
    from transferium.job.options import FitOptions
    from transferium.job.stopwatch import Stopwatch


@click.command(cls=WithSources)
@click.argument("data", required=False, type=opt.GivenData())
@click.option("--source", multiple=True, type=opt.GivenData(), help="Labelled data or a run, to adapt to DATA.")
@click.option("--few", type=opt.GivenData(), help="A few labelled examples of the target, to learn from.")
@click.option("--oracle", is_flag=True, help="Research: also say what DATA's labels would have chosen.")
@click.option("--map", type=click.Choice(["pca", "tsne"]), default="pca", help="The report's map of both domains.")
@click.option("--out", type=opt.GivenPath(), help="Run directory.  [default: runs/<name of DATA>]")
@click.option("--method", default="auto", show_default=True, help="See: transferium methods.")
@opt.backbone("See: transferium backbones.")
@opt.pretraining
@click.option("--seed", type=opt.SEED, default=0, show_default=True, help="Seed of every random choice.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A hyper-parameter; repeatable.")
@click.option("--lr", metavar="RATE", help="Short for --set lr=RATE; auto tests a range of rates and takes one.")
@click.option("--labels", type=opt.GivenPath(), help="JSON from each label to what it means, for zero-shot and pet.")
@click.option("--shots", type=click.IntRange(min=1), help="Learn from this many examples of each class alone.")
@click.option(
    "--draws", type=click.IntRange(min=1), help="Draw them this often, and compare --method A,B,C over draws."
)
@click.option("--test-size", default=0.25, show_default=True, help="Share held out where the data is not divided.")
@click.option("--budget", metavar="TIME", help="Time that --method auto may use to try more: 90s, 10m, 1h.")
@click.option("--strict", is_flag=True, help="Stop where the doctor finds an error.")
@click.option("--track", multiple=True, metavar="NAME", help="Also log to tensorboard, wandb or mlflow; repeatable.")
@opt.forget_data
@click.option("--resume", metavar="RUN", type=opt.GivenPath(), help="Go on with an interrupted run, alone.")
@click.option("--restart", is_flag=True, help="Throw away what an interrupted run left, and begin anew.")
@opt.columns_of_tasks
@opt.engine
@opt.as_json
@click.pass_context
def fit(context: click.Context, /, **options: Any) -> None:
    """Fit a classifier to DATA and prove what it is worth.

    With --source, DATA is a target without labels (any it has are stripped): the labelled source is adapted to it, or
    by --method shot, tent or adabn a saved model, without the data that it was made from.
    An interrupted fit goes on where it was: give the same command again, or transferium fit --resume RUN.
    """
    from transferium.cli import resume
    from transferium.cli.unread import refuse_unread
    from transferium.job.run_directory.state_paths import COMMAND, STATE
    from transferium.system.folder_locks import alone_in

    command, folder = shlex.join(["transferium", *sys.argv[1:]]), None
    if options["resume"] is not None:
        recalled = resume.recall(context, options)
        if recalled is None:
            return
        options, command, folder = recalled
    if options["data"] is None:
        raise click.UsageError("Missing argument 'DATA'.", context)
    refuse_unread(context, options)
    out = options["out"] or Path("runs") / (Path(os.path.realpath(options["data"])).stem or "run")
    how = f"transferium fit --resume {options['resume'] or out}"
    with resume.working_in(folder), resume.saying_how_to_go_on(how, out / STATE / COMMAND), alone_in(out):
        _fit(options["data"], out, command, options)


def _fit(data: Path, out: Path, command: str, options: dict[str, Any]) -> None:
    from transferium.data.read import read
    from transferium.job.fit.beforehand import Beforehand
    from transferium.job.fit.run import check_writable, fit_job
    from transferium.job.options import (
        FitOptions,
        asked_methods,
        backbone_settings,
        named_settings,
        pretraining_settings,
    )
    from transferium.job.run_directory.resume import begin_anew, begins_anew, remembering
    from transferium.job.stopwatch import Stopwatch

    settings = named_settings(options)
    columns = opt.with_separator(opt.named_columns(options), settings)
    of_backbone, of_pretraining = backbone_settings(settings), pretraining_settings(settings)
    method, compared = asked_methods(options, settings)
    asked = FitOptions(
        out=out,
        method=method,
        backbone=options["backbone"],
        backbone_settings=of_backbone,
        seed=options["seed"],
        test_size=options["test_size"],
        strict=options["strict"],
        budget_s=opt.seconds(options["budget"]),
        command=command,
        columns=columns,
        track=opt.trackers(options["track"]),
        map=options["map"],
        forget_data=options["forget_data"],
        shots=options["shots"],
        draws=options["draws"] or 1,
        compared=tuple(compared),
    )
    check_writable(out)
    anew = begins_anew(out, options, method)
    watch = Stopwatch(command_progress())
    if isinstance(options["label"], tuple | list):
        several.fit(data, asked, watch, options, anew)
        return
    if options["source"]:
        _adapt(data, asked, watch, options, anew)
        return
    with watch("read"):
        domain = read(data, **columns)
    say_read(domain, machine=options["as_json"])
    corpus, objective, before = options["pretrain"], options["objective"], None
    if corpus is not None:
        before = Beforehand.of(domain, corpus, objective, of_pretraining, asked)
    begin_anew(out, anew)
    with remembering(out, options, command):
        run = fit_job(domain, asked, opt.make_embedder(options), watch, before)
    tables.say_end(run, tables.summary, out, "the model", as_json=options["as_json"])


def _adapt(data: Path, asked: FitOptions, watch: Stopwatch, options: dict[str, Any], anew: bool) -> None:
    """``fit --source``: DATA is the target."""
    from transferium.cli import adapted
    from transferium.job.adapt.read_pair import read_given
    from transferium.job.adapt.run import adapt_job
    from transferium.job.run_directory.resume import begin_anew, remembering

    with watch("read"):
        pair, model = read_given(data, options["source"], asked.columns, options["few"])
    for domain in (pair.source, pair.target):
        say_read(domain, machine=options["as_json"])
    begin_anew(asked.out, anew)
    with remembering(asked.out, options, asked.command):
        run = adapt_job(pair, asked, opt.make_embedder(options), watch, oracle=options["oracle"], model=model)
    tables.say_end(run, adapted.summary, asked.out, "the models", as_json=options["as_json"])


@click.command()
@opt.run_argument
@click.argument("data", type=opt.GivenData())
@click.option("--out", type=opt.GivenPath(), help="CSV file to write.  [default: standard output]")
@opt.columns
@opt.engine
@opt.as_json
def predict(run: Path, data: Path, **options: Any) -> None:
    """Predict DATA (a folder, a table or one file) with the model in RUN."""
    from transferium.artifact import load_artifact
    from transferium.data.doctor.findings import by_reason
    from transferium.job.predict.apply import predict_domain, read_to_answer
    from transferium.job.predict.predictions import check_out, write_predictions
    from transferium.job.tasks.saved_tasks import has_tasks
    from transferium.problems.evaluation import Overlap

    if has_tasks(run):
        several.predict(run, data, options)
        return
    artifact = load_artifact(run)
    if options["out"] is not None:
        check_out(options["out"], data, artifact.problem)
    domain = read_to_answer(artifact, data, opt.named_columns(options))
    say_read(domain, err=True, warned=True)
    predicted = predict_domain(artifact, domain, opt.make_embedder(options))
    for said in by_reason(predicted.problems):
        echo(f"warning: {said}; predictions are empty there", err=True)
    overlap = Overlap(len(domain), int(artifact.learned.marks(predicted.domain).sum()))
    if overlap.learned:
        echo(f"note: {overlap.said}: how well these are answered says nothing about new examples", err=True)
    if options["as_json"]:
        echo(json.dumps(predicted.as_records(artifact.problem), ensure_ascii=False))
    if options["out"] is not None or not options["as_json"]:
        write_predictions(options["out"], domain, artifact.problem, predicted.outputs)
    if options["out"] is not None and not options["as_json"]:
        echo(f"{len(domain)} predictions written to {options['out']}")


@click.command()
@opt.run_argument
@opt.data_argument
@click.option(
    "--full",
    is_flag=True,
    help="From every side: train-test gap, robustness, CKA, conformal sets, learning curve, speed …",
)
@click.option("--quick", is_flag=True, help="--full in seconds: fewer examples and repetitions.")
@click.option("--by", metavar="COL", help="Column of subgroups: the figure of each, the worst, and the gap.")
@click.option(
    "--against", metavar="OTHER", type=opt.GivenData(), help="Other data, of no label: how well it is told apart."
)
@click.option("--report", metavar="FILE", type=opt.GivenPath(), help="HTML page with all that --full found.")
@click.option("--seed", type=opt.SEED, default=0, show_default=True, help="Seed of the bootstrap.")
@opt.columns
@opt.engine
@opt.as_json
def evaluate(run: Path, data: Path, **options: Any) -> None:
    """Evaluate the model in RUN on labelled DATA (its held-out part where it is divided).

    With --full, give all of DATA, the training part too: the gap and the learning curve are read off it.
    """
    from transferium.artifact import load_artifact
    from transferium.job.adapt.evaluate_adapted import evaluate_adapted, is_adapted
    from transferium.job.adapt.run import SOURCE_ONLY
    from transferium.job.predict.all_sides import all_sides, read_by
    from transferium.job.predict.apply import check_evaluable, evaluate_domain, held_out, metrics_of, read_to_answer
    from transferium.job.tasks.saved_tasks import has_tasks

    if has_tasks(run):
        several.evaluate(run, data, options)
        return
    if options["report"] is not None:
        from transferium.report.sides.page_of_sides import check_page

        if not any(options[name] for name in ("full", "quick", "by", "against")):
            raise click.UsageError("--report shows what --full, --quick, --by or --against find: give one of these.")
        check_page(options["report"])
    artifact = load_artifact(run)
    given = read_by(artifact, data, opt.named_columns(options), options["by"])
    say_read(given, machine=options["as_json"], warned=True)
    other = None if options["against"] is None else read_to_answer(artifact, options["against"], {})
    domain = held_out(given)
    check_evaluable(artifact, domain, data)
    embedder = opt.make_embedder(options)
    if is_adapted(run):
        metrics = evaluate_adapted(artifact, run, domain, embedder, seed=options["seed"])
    else:
        metrics = metrics_of(evaluate_domain(artifact, domain, embedder, seed=options["seed"]), domain, run)
    full: Any = "quick" if options["quick"] else options["full"]
    alone = load_artifact(run / SOURCE_ONLY) if is_adapted(run) and full else None
    sides = all_sides(artifact, given, embedder, full=full, seed=options["seed"], before=alone, against=other)
    metrics |= sides
    said = tables.evaluated(metrics, artifact.problem.kind, f"{metrics['examples']} examples of {domain.name}")
    if options["report"] is not None:
        from transferium.job.run_directory.files import thumbnails
        from transferium.report.sides.page_of_sides import write_page_of_sides

        write_page_of_sides(sides, f"{run.name} on {given.name}", said, options["report"], thumbnails(given))
    if options["as_json"]:
        echo(json.dumps(metrics, ensure_ascii=False))
        return
    echo(said)
    if "verdict_sentence" in metrics:
        from transferium.cli.adapted import beside_source_only

        echo(beside_source_only(metrics))
    if sides:
        from transferium.cli.jobs.sides import summary

        echo(summary(sides))
    if options["report"] is not None:
        echo(f"Written to {options['report']}.")


@click.command()
@opt.data_argument
@opt.backbone("Backbone whose features are used to find near duplicates.")
@click.option("--strict", is_flag=True, help="Exit with 2 where the doctor finds an error.")
@click.option("--augment", metavar="RECIPE", help=augmented.HELP)
@click.option("--out", type=opt.GivenPath(), help="Picture that --augment writes.  [default: augment.png]")
@click.option("--set", "settings", multiple=True, metavar="separator=…", help="What stands between several labels.")
@opt.columns
@opt.engine
@opt.as_json
def inspect(data: Path, **options: Any) -> None:
    """Look at DATA: the doctor alone, or with --augment what training would see of it."""
    if options["augment"] is not None:
        augmented.show(data, options)
        return
    if options["out"] is not None:
        raise click.UsageError("--out names the picture of --augment, and there is no --augment.")
    from transferium.data.read import read
    from transferium.job.fit.prepare import be_strict
    from transferium.job.inspect import inspect_domain

    domain = read(data, **opt.only_separator(options))
    seen = inspect_domain(domain, options["backbone"], opt.make_embedder(options))
    if options["as_json"]:
        echo(json.dumps(seen.as_dict(), ensure_ascii=False))
    else:
        if seen.domain.layout:
            echo(f"{seen.domain.layout}.")
        echo(f"{seen.domain!r}")
        if seen.counts:
            echo(tables.table([[name, str(n)] for name, n in seen.counts.items()], ["class", "examples"]))
        if columns := seen.diagnosis.columns:
            echo(tables.of_columns([column.as_dict() for column in columns]))
        echo(tables.findings(seen.diagnosis.to_json()))
    if options["strict"]:
        be_strict(seen.diagnosis)


@click.command()
@opt.as_json
def backbones(as_json: bool) -> None:
    """What can be used here, offline, with size and licence."""
    from transferium.models.catalogue import catalogue

    rows = catalogue()
    if as_json:
        echo(json.dumps(rows))
        return
    cells = [
        [
            r["name"],
            r["kind"],
            str(r["width"] or "–"),
            tables.megabytes(r["size_bytes"]) if r["size_bytes"] else "–",
            r["licence"],
            "here" if r["available"] else "not here",
        ]
        for r in rows
    ]
    echo(tables.table(cells, ["backbone", "reads", "width", "size", "licence", "available"]))
    echo("\nAlso timm/<name> and hf/<name> (from the hub or its cache), a local folder, or weights as <arch>@<file>.")


@click.command()
@click.argument("name", required=False)
@click.option("--search", metavar="WORD", help="Methods and settings that say this word.")
@opt.as_json
def methods(name: str | None, search: str | None, as_json: bool) -> None:
    """The methods of --method, a line each; with NAME, all about one and its settings."""
    from transferium.cli import method_list as listing
    from transferium.errors import InputError
    from transferium.methods.catalogue import describe_methods

    if name is not None and search is not None:
        raise click.UsageError("NAME says all about one method and --search looks through all: give one of them.")
    described = describe_methods(*([] if name is None else [name]))
    if search is not None and not (described := listing.found(described, search)):
        raise InputError(f"no method and no setting says {search!r}. transferium methods lists them all.")
    if as_json:
        echo(json.dumps(described))
    elif name is not None:
        echo(listing.in_full(described[0]))
    else:
        shown = listing.page(described) if search is None else listing.findings(described, search)
        echo(f"{shown}\n\n{listing.MORE}")


@click.command()
@click.option("--prune", metavar="WHAT", help="A size with its unit to shrink to (500MB, 2GB), a backbone, or 'all'.")
@opt.as_json
def cache(prune: str | None, as_json: bool) -> None:
    """Look at the feature store, or prune it."""
    from transferium.embedding.store.store import FeatureStore

    store = FeatureStore()
    before = store.spaces()
    freed = store.prune(prune) if prune else 0
    spaces = store.spaces()
    kept = {space["space"] for space in spaces}
    removed = [f"{s['name']} ({s['examples']} examples)" for s in before if s["space"] not in kept]
    if as_json:
        told = {"home": str(store.home), "bytes": store.size_bytes(), "spaces": spaces, "freed": freed}
        echo(json.dumps(told | {"removed": removed}))
        return
    if prune:
        echo(f"removed {', '.join(removed) or 'nothing'}; freed {tables.megabytes(freed)}")
    rows = [[s["name"], str(s["examples"]), tables.megabytes(s["bytes"]), s["used"]] for s in spaces]
    echo(tables.table(rows, ["backbone", "examples", "size", "last used"]) if rows else "the store is empty")
    echo(f"{tables.megabytes(store.size_bytes())} of {tables.megabytes(store.limit)} in {store.home}")
