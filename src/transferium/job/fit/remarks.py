"""Sentences on what the figures of a run alone do not say: each names what was found, and what to do."""

from __future__ import annotations

import numpy as np

from transferium.data.split import Division
from transferium.errors import InputError
from transferium.evaluation.references import answers_on
from transferium.functional.sequences.ragged import pooled, unanswered
from transferium.functional.shift.a_distance import a_distance
from transferium.job.fit.judge import Judged
from transferium.methods.fitted import Fitted
from transferium.methods.task import Task
from transferium.problems.classes import Classes
from transferium.problems.evaluation import Evaluation
from transferium.problems.problem import Problem

LEAST = 0.05
"""The least that folds must promise too much before it is said: a share, or a share of an error."""
ROWS = 500
"""The most examples of each part that a classifier is asked to tell apart."""
MANY = 20_000
"""The most examples of each part from which these are drawn."""
BEHIND = 0.25
"""How far the recall of a class lies below the middle of the others before it is said to fail."""

WORSE = 0.02
"""The least log-loss that a temperature adds before it is said."""


def remarks(judged: Judged, fitted: Fitted, task: Task, division: Division) -> list[str]:
    """What a reader of the figures must know: none, where they say it all."""
    unlike = _unlike(judged, fitted, task, division.held) if division.given else ""
    said = [unlike, *_failing(judged, division.held), *_cheaper(judged, fitted, task, division.held)]
    said.append(_miscalibrated(judged, fitted, task, division.held))
    if judged.boosting is not None and judged.boosting.difference is None:
        said.append(judged.boosting.sentence)
    return [sentence for sentence in said if sentence]


def _unlike(judged: Judged, fitted: Fitted, task: Task, part: str) -> str:
    """The held-out part is not like the training part: folds of train promised clearly more than it shows."""
    problem, oof = task.problem, judged.out_of_fold
    if oof is None:
        return ""
    known = ~unanswered(oof)
    shown = (judged.evaluation if fitted.oof_outputs is not None else judged.references["probe"])[problem.headline]
    sign = -1 if problem.lower_is_better else 1
    promised = problem.merit(task.train.y[known], oof[known])
    enough = LEAST * promised if problem.lower_is_better else LEAST
    if sign * (promised - shown.value) < enough or shown.low <= promised <= shown.high:
        return ""
    groups = None if task.groups is None else task.groups[known]
    folds = problem.evaluate(task.train.y[known], oof[known], seed=task.seed, groups=groups)[problem.headline]
    if (folds.high >= shown.low) if sign < 0 else (folds.low <= shown.high):
        return ""
    here, there, name = _figure(promised, problem), _figure(shown.value, problem), part.upper()
    return (
        f"The {part} part is not like the training part: {_called(problem)} is {here} on folds of the training part "
        f"and {there} on the {part} part. {_told_apart(judged, task)}Where the model will meet such data, believe the "
        f"second figure. What differs: transferium compare TRAIN {name}; to adapt to it: transferium fit {name} "
        "--source TRAIN."
    )


def _told_apart(judged: Judged, task: Task) -> str:
    """How well a classifier tells the inputs of the two parts apart."""
    rng = np.random.default_rng(task.seed)
    some = (d if len(d) <= MANY else d.take(rng.permutation(len(d))[:MANY]) for d in (task.train, judged.test))
    train, test = (pooled(task.embed(domain).features) for domain in some)
    try:
        found = a_distance(train, test, seed=task.seed, limit=ROWS)
    except InputError:
        return ""
    share = f"{100 * found.accuracy:.0f} % of cases (by chance 50 %)"
    if found.low > 0.5:
        return f"A classifier tells their inputs apart in {share}. "
    return f"A classifier cannot tell their inputs apart ({share}), so compare how both were labelled. "


def _failing(judged: Judged, part: str) -> list[str]:
    """Classes whose recall is far below that of the others."""
    problem = judged.test.posed
    rows = [row for row in judged.evaluation.per_output if row["support"] > 0]
    if not isinstance(problem, Classes) or len(rows) < 2:
        return []
    predicted, said = judged.outputs.argmax(axis=1), []
    for row in rows:
        others = float(np.median([other["recall"].value for other in rows if other is not row]))
        recall = row["recall"]
        if recall.value > others - BEHIND or recall.high >= others:
            continue
        k = problem.names.index(row["class"])
        taken = np.bincount(predicted[judged.test.y == k], minlength=len(problem.names))
        taken[k] = 0
        said.append(
            f"Class {row['class']!r} fails on the {part} part: {100 * recall.value:.0f} % of its {row['support']:,} "
            f"examples are recognised, and {100 * others:.0f} % of the other classes; most are taken for "
            f"{problem.names[int(taken.argmax())]!r}. Look at its examples, and give more of them."
        )
    return said[:3]


def _cheaper(judged: Judged, fitted: Fitted, task: Task, part: str) -> list[str]:
    """References that cost less and do as well on the held-out part."""
    problem, said = task.problem, []
    ours = judged.evaluation[problem.headline]

    def as_good(name: str) -> str:
        theirs: Evaluation | None = judged.references.get(name)
        if theirs is None:
            return ""
        value = theirs[problem.headline].value
        if (value > ours.value) if problem.lower_is_better else (value < ours.value):
            return ""
        figures = f"{_figure(value, problem)} against {_figure(ours.value, problem)}"
        return f"as good on the {part} part ({_called(problem)} {figures})"

    if found := as_good(problem.constant_name):
        return [f"The same answer for every example is {found}: nothing useful was learned."]
    if fitted.method != "ncm" and (found := as_good("nearest_mean")):
        said.append(f"The nearest class mean, which trains nothing, is {found}: --method ncm gives it.")
    if fitted.backbone is not task.backbone and (found := as_good("probe")):
        said.append(f"The probe, which leaves the backbone as it is, is {found}: --method probe gives it.")
    return said


def _miscalibrated(judged: Judged, fitted: Fitted, task: Task, part: str) -> str:
    """The temperature makes the probabilities of the held-out part worse, beyond chance."""
    problem, labels = judged.test.posed, judged.test.y
    if not isinstance(problem, Classes) or fitted.head.temperature == 1:
        return ""
    both = answers_on(task, fitted, judged.test)
    after, before = (-np.log(np.maximum(p[np.arange(len(labels)), labels], 1e-12)) for p in both)
    worse = after - before
    if worse.mean() <= 2 * worse.std() / np.sqrt(len(worse)) or worse.mean() < WORSE:
        return ""
    return (
        f"The temperature ({fitted.head.temperature:.2f}), learned on folds of the training part, makes the "
        f"probabilities worse on the {part} part: log-loss {after.mean():.3f} with it and {before.mean():.3f} without. "
        "Do not read them as how often the model is right."
    )


def _called(problem: Problem) -> str:
    return dict(problem.shown)[problem.headline]


def _figure(value: float, problem: Problem) -> str:
    """A headline figure: a share in percent, or an amount with four digits."""
    return f"{value:.4g}" if problem.wording.scale != 100 else f"{100 * value:.1f} %"
