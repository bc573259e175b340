"""``transferium tune``: search a method's settings, then fit the best."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from transferium.cli import options as opt
from transferium.cli import tables
from transferium.cli.account import say_read
from transferium.cli.progress import command_progress
from transferium.cli.resume import saying_how_to_go_on


@click.command()
@opt.data_argument
@click.option("--method", default="finetune", show_default=True, help="See: transferium methods.")
@click.option(
    "--search",
    multiple=True,
    metavar="NAME[=RANGE]",
    help="A setting to search: lr, lr=1e-5:1e-2 or optimiser=sgd,adamw.",
)
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A setting that stays fixed; repeatable.")
@click.option("--trials", default=20, show_default=True, help="Settings to try, over all machines.")
@click.option("--timeout", metavar="TIME", help="Start no trial after this time: 10m, 2h.")
@click.option("--folds", default=3, show_default=True, help="Folds of the training part.")
@click.option("--storage", metavar="URL", help="A database that several machines share: sqlite:///FILE, postgresql://…")
@click.option("--study", default="transferium", show_default=True, help="The study's name in the storage.")
@click.option("--out", type=opt.GivenPath(), help="Run directory.  [default: runs/<name of DATA>-tuned]")
@opt.backbone("See: transferium backbones.")
@click.option("--seed", type=opt.SEED, default=0, show_default=True, help="Seed of every random choice.")
@click.option("--test-size", default=0.25, show_default=True, help="Share held out where the data is not divided.")
@click.option("--track", multiple=True, metavar="NAME", help="Log the last fit to tensorboard, wandb or mlflow too.")
@opt.forget_data
@click.option("--restart", is_flag=True, help="Throw away what an interrupted run left in --out, and begin anew.")
@opt.columns
@opt.engine
@opt.as_json
def tune(data: Path, **options: Any) -> None:
    """Search the settings of a method on folds of the training part, fit the best, and prove what it is worth.

    Given again, an interrupted search goes on with the trials it has.
    """
    from transferium.data.read import read
    from transferium.job.fit.run import check_writable, fit_job
    from transferium.job.options import FitOptions, backbone_settings
    from transferium.job.run_directory.resume import begin_anew, has_diverged, refuse_fit_under_way, tidying
    from transferium.job.run_directory.state_paths import STATE
    from transferium.job.stopwatch import Stopwatch
    from transferium.methods.model_selection.search import Tuned
    from transferium.methods.settings.parse import split_settings
    from transferium.system.folder_locks import alone_in

    command = shlex.join(["transferium", *sys.argv[1:]])
    out = options["out"] or Path("runs") / f"{Path(os.path.realpath(data)).stem or 'run'}-tuned"
    settings = split_settings(options["settings"])
    of_backbone = backbone_settings(settings)
    columns = opt.with_separator(opt.named_columns(options), settings)
    method = Tuned(
        method=options["method"],
        fixed=settings,
        search=options["search"],
        trials=options["trials"],
        timeout_s=opt.seconds(options["timeout"], "--timeout"),
        folds=options["folds"],
        storage=options["storage"],
        study=options["study"],
    )
    asked = FitOptions(
        out=out,
        method=method,
        backbone=options["backbone"],
        backbone_settings=of_backbone,
        seed=options["seed"],
        test_size=options["test_size"],
        command=command,
        columns=columns,
        track=opt.trackers(options["track"]),
        forget_data=options["forget_data"],
    )
    check_writable(out)
    if not options["restart"]:
        refuse_fit_under_way(out)
    watch, anew = Stopwatch(command_progress()), options["restart"] or has_diverged(out)
    how = saying_how_to_go_on(command, None if options["storage"] else out / STATE)
    with how, alone_in(out), tidying(out):
        with watch("read"):
            domain = read(data, **columns)
        say_read(domain, machine=options["as_json"])
        begin_anew(out, anew)
        run = fit_job(domain, asked, opt.make_embedder(options), watch)
    tables.say_end(run, tables.summary, out, "the model", as_json=options["as_json"])
