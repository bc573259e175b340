"""``fit DATA --label a --label b``: several tasks on the same examples, a head for each on one frozen backbone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from transferium.artifact import replacing
from transferium.data.domain import Domain
from transferium.data.read import read
from transferium.data.split import divide
from transferium.embedding.embed import Embedder
from transferium.errors import DataError, InputError, option
from transferium.job.fit.prepare import prepare
from transferium.job.fit.readable import choose_backbone
from transferium.job.fit.run import fit_job
from transferium.job.options import FitOptions
from transferium.job.run_directory.files import write_json
from transferium.job.run_directory.resume import SIGNS
from transferium.job.run_directory.state_paths import STATE
from transferium.job.stopwatch import Stopwatch
from transferium.job.tasks.saved_tasks import describe_tasks, folder_of
from transferium.job.tasks.together import Together
from transferium.methods.method import Method
from transferium.methods.several_tasks.joint import Joint
from transferium.problems.classes import Classes

ALONE = (
    "On a frozen backbone every task has a head of its own over the same features, so that each is what it would be "
    "alone: nothing is gained or lost by solving them together, and the backbone runs once for all."
)

TOGETHER = "Each verdict says what its task gained or lost by being solved together with the others."


def read_tasks(data: Path, labels: Sequence[str], columns: Mapping[str, Any]) -> dict[str, Domain]:
    """The same table once for each of its label columns; none of these is a feature. Raises for names that clash."""
    check_names(labels)
    tasks = {name: read(data, **{**columns, "label": name}) for name in labels}
    return {name: _without(domain, labels) for name, domain in tasks.items()}


def _without(domain: Domain, labels: Sequence[str]) -> Domain:
    """A table without the columns of labels."""
    there = domain.feature_names or ()
    if not {*there} & {*labels}:
        return domain
    return domain.columns([name for name in there if name not in labels])


def check_names(names: Sequence[str]) -> None:
    """Raise ``InputError`` for names that are equal, or are equal as names of folders."""
    taken: dict[str, str] = {}
    for name in names:
        other = taken.setdefault(folder_of(name), name)
        if list(names).count(name) > 1:
            raise InputError(f"the task {name!r} was given twice: every task is a column of its own.")
        if other != name:
            raise InputError(
                f"the tasks {other!r} and {name!r} clash: both are kept as {folder_of(name)!r}; rename one."
            )


def check_alike(tasks: Mapping[str, Domain]) -> None:
    """Raise ``DataError`` where tasks are not of the same examples, one label of each for every example."""
    (first, given), *others = tasks.items()
    for name, domain in others:
        if len(domain) != len(given):
            raise DataError(
                f"the task {first!r} has {len(given)} labels and the task {name!r} has {len(domain)}: give one of each "
                "for every example."
            )
        if list(domain.ids) != list(given.ids):
            raise DataError(f"the tasks {first!r} and {name!r} are of different examples: give the same, in one order.")


def fit_tasks_job(
    tasks: Mapping[str, Domain], options: FitOptions, embedder: Embedder, watch: Stopwatch
) -> dict[str, Any]:
    """Fit a head for each task and write them as one folder; returns what its ``metrics.json`` holds.

    All tasks hold out the same examples, and the backbone runs once for all of them: ``embedder`` keeps what it gave.
    """
    check_names([*tasks])
    check_alike(tasks)
    joint = isinstance(options.method, Joint)
    if options.method.trains and not joint:
        raise InputError(
            f"method {options.method.name!r} trains a network for one task: give {option('method', 'joint')}, which "
            f"trains one for all, {option('method', 'probe')}, which leaves it frozen, or one {option('label', 'COL')}."
        )
    if options.shots is not None and joint:
        raise InputError(
            f"{option('shots')} draws examples of each class of one task, and joint learns every task from the same "
            "examples: leave it out."
        )
    tasks, rule = _held_out_together(tasks, options, embedder)
    methods: dict[str, Method] = dict.fromkeys(tasks, options.method)
    if isinstance(options.method, Joint):
        methods |= Together(options.method, tasks, options.out / STATE).methods()
    runs: dict[str, Any] = {}
    with replacing(options.out, SIGNS, (STATE,)) as fresh:
        for name, domain in tasks.items():
            named = {**options.columns, "label": name}
            of_task = replace(options, out=fresh / folder_of(name), method=methods[name], columns=named)
            with _about(name):
                runs[name] = fit_job(domain, of_task, embedder, watch)
        told = {"format": 1, "name": options.out.name, "command": options.command, "tasks": runs}
        told |= {
            "rule": rule or next(iter(runs.values()))["division"]["rule"],
            "verdict_sentence": TOGETHER if joint else ALONE,
        }
        write_json(fresh / "metrics.json", told)
        describe_tasks(fresh, [*tasks])
    return told | {"seconds": watch.as_dict()}


@contextmanager
def _about(task: str) -> Iterator[None]:
    """While this lasts, errors say which task they are about."""
    try:
        yield
    except (DataError, InputError) as error:
        raise type(error)(f"the task {task!r}: {error}") from error


def _held_out_together(
    tasks: Mapping[str, Domain], options: FitOptions, embedder: Embedder
) -> tuple[dict[str, Domain], str]:
    """The tasks with one test part, stratified by all labels together, and how it came about, if none was given."""
    first = next(iter(tasks.values()))
    if first.parts is not None and (first.parts != "train").any():
        return dict(tasks), ""
    backbone, _ = choose_backbone(options.backbone, first, **options.backbone_settings)
    prepared = prepare(first, embedder, backbone, watch=Stopwatch(embedder.progress))
    kept = np.flatnonzero(prepared.diagnosis.keep)
    strata = np.stack([domain.posed.strata(domain.y)[kept] for domain in tasks.values()], axis=1)
    found, codes = np.unique(strata, axis=0, return_inverse=True)
    together = Classes(tuple(map(str, range(len(found)))))
    joint = replace(prepared.domain, labels=codes.reshape(-1).astype(np.int64), problem=together)
    division = divide(joint, seed=options.seed, groups=joint.groups, test_size=options.test_size)
    parts = np.full(len(first), "train", "<U5")
    parts[kept[division.test]] = "test"
    rule = division.rule.replace(f"stratified by {Classes.stratum}", "stratified by the labels of all tasks together")
    return {name: replace(domain, parts=parts) for name, domain in tasks.items()}, rule
