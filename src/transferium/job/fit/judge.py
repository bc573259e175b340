"""The evaluation of a fitted model beside the references, on data that took no part in any choice."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.evaluation import references as reference
from transferium.evaluation.ablation import Ablation, ablate
from transferium.evaluation.attacked import Attacked, attacked_accuracy
from transferium.evaluation.gradient_boosting import NAME, Beside, beside_boosting, boost
from transferium.evaluation.verdict import Verdict, verdict
from transferium.job.fit.rivals import Compared, compare_with_rivals
from transferium.methods.catalogue import METHODS, find_method, method_class
from transferium.methods.fitted import Fitted
from transferium.methods.frozen.frozen_classifier import Cached
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.method import Method
from transferium.methods.task import Task
from transferium.models.backbone import Backbone
from transferium.models.catalogue import randomised
from transferium.models.heads.linear import linear
from transferium.problems.evaluation import Evaluation
from transferium.problems.problem import Problem


@dataclass(frozen=True)
class Judged:
    """The held-out part, the model's outputs for it, and their evaluation beside the references.

    ``out_of_fold`` are outputs for the training part by models that did not learn from the example: those of the model,
    or those of the probe where its method has none. ``boosting`` is there for tables alone, ``ablations`` for mixed
    rows.
    """

    test: Domain
    outputs: NDArray[np.float64]
    evaluation: Evaluation
    references: dict[str, Evaluation]
    verdict: Verdict
    out_of_fold: NDArray[np.float64] | None = None
    attacked: dict[str, Attacked] = field(default_factory=dict)
    boosting: Beside | None = None
    compared: Compared = field(default_factory=Compared)
    ablations: list[Ablation] = field(default_factory=list)


QUICK = (10.0,)
"""The only C of a reference beside a method that takes no search: a whole grid takes far longer than the method."""


def judge(fitted: Fitted, method: Method, task: Task, test: Domain, random: Backbone | None) -> Judged:
    """Evaluate beside the references on the held-out part, and under attack where it was trained against one."""
    judged = _judge_boosting(_judge_clean(fitted, method, task, test, random), fitted, task)
    judged = replace(judged, ablations=ablate(method, task, test, judged.outputs))
    return judged if fitted.attack is None else replace(judged, attacked=_judge_attacked(fitted, task, test))


def _judge_boosting(judged: Judged, fitted: Fitted, task: Task) -> Judged:
    """The same beside gradient boosting, where the examples are rows of a table; the verdict says which is better."""
    boosted, test = boost(task.train, judged.test, seed=task.seed), judged.test
    if boosted is None:
        return judged
    if boosted.outputs is None:
        return replace(judged, boosting=Beside(boosted, f"Gradient boosting was not run beside it: {boosted.reason}."))
    problem, labels, ties = test.posed, test.y, test.groups
    figures = problem.evaluate(labels, boosted.outputs, seed=task.seed, groups=ties)
    difference = problem.compare(labels, boosted.outputs, judged.outputs, seed=task.seed, groups=ties)
    beside = beside_boosting(boosted, f"{fitted.method} on {fitted.backbone.name}", difference, problem)
    said = replace(judged.verdict, sentence=f"{judged.verdict.sentence} {beside.sentence}")
    return replace(judged, references=judged.references | {NAME: figures}, verdict=said, boosting=beside)


def _judge_attacked(fitted: Fitted, task: Task, test: Domain) -> dict[str, Attacked]:
    """The accuracy of the model and of the probe, each under an attack that uses its own weights."""
    assert fitted.attack is not None
    probe = LinearProbe().fit(task)
    both = {"model": (fitted.backbone, linear(fitted.head)), "probe": (task.backbone, linear(probe.head))}
    return {
        name: attacked_accuracy(
            *(*ends, task.train, test, fitted.attack),
            seed=task.seed,
            progress=None if task.progress is None else partial(task.progress, f"the {name} under attack"),
        )
        for name, ends in both.items()
    }


def _judge_clean(fitted: Fitted, method: Method, task: Task, test: Domain, random: Backbone | None) -> Judged:
    """The evaluation of the model, beside a constant, a naive reference, the probe and no transfer.

    Where there is no training part, the constant is the best in hindsight, and nothing that learns stands beside it.
    Where the method chose among several models, or took their mean, these are evaluated too.
    """
    problem, labels, seed = test.posed, test.y, task.seed
    outputs, before = reference.answers_on(task, fitted, test)
    result = problem.evaluate(labels, outputs, seed=seed, before=before, groups=test.groups)
    trained = len(task.train) > 0
    alike = problem.alike(task.train.y if trained else labels, labels)
    beside = {problem.constant_name: problem.evaluate(labels, alike, seed=seed)}
    if trained and problem.kind in reference.NAIVE:
        name, naive = reference.NAIVE[problem.kind]
        beside[name] = problem.evaluate(labels, naive(task, test), seed=seed)
    known = fitted.oof_outputs
    if trained and fitted.method != problem.on_frozen:
        probe = fitted.beside.get("probe") or _reference_probe(fitted, method, problem).fit(replace(task, val=None))
        probed, raw = reference.answers_on(task, probe, test, task.backbone)
        beside[problem.on_frozen] = problem.evaluate(labels, probed, seed=seed, before=raw, groups=test.groups)
        known = probe.oof_outputs if known is None else known
    said = Verdict.not_asked("no pretrained backbone was involved")
    if random is not None:
        plain = _reference_probe(fitted, method, problem) if method.learns else method
        beside["no_transfer"], said = compare_with_random(fitted, task, test, outputs, random, plain)
    for name, also in fitted.beside.items():
        if name in beside:
            continue
        answers, _ = reference.answers_on(task, also, test)
        beside[name] = problem.evaluate(labels, answers, seed=seed, groups=test.groups)
    compared = compare_with_rivals(fitted, task, test, outputs, result)
    beside |= compared.evaluations
    return Judged(test, outputs, result, beside, compared.verdict or said, known, compared=compared)


def _reference_probe(fitted: Fitted, method: Method, problem: Problem) -> Method:
    """What a model is measured beside, mostly the probe: one penalty and two folds where the method is far cheaper."""
    if problem.on_frozen != LinearProbe.name:
        return method if method.name == problem.on_frozen else find_method(problem.on_frozen, {})
    if fitted.method in METHODS and issubclass(method_class(fitted.method), Cached):
        return LinearProbe(Cs=QUICK, folds=2)
    return LinearProbe()


def compare_with_random(
    fitted: Fitted, task: Task, test: Domain, outputs: NDArray[np.float64], random: Backbone, plain: Method
) -> tuple[Evaluation, Verdict]:
    """The gain from transfer itself: the paired difference to a ``plain`` method on random weights, mostly a probe.

    For images the random network reads half the side, at a quarter of the cost, which makes it 0 to 4.5 points weaker
    (measured on four data sets), and of sounds half as many moments; a probe of one penalty may be weaker too. So no
    verdict hangs on that handicap: where the lower limit of the difference is below ``references.CLOSE``, the network
    reads all, and the probe chooses.
    """
    problem = test.posed
    alone, before = reference.probe_on(task, random, test, plain)
    measured = problem.evaluate(test.y, alone, seed=task.seed, before=before, groups=test.groups)
    difference = problem.compare(test.y, outputs, alone, seed=task.seed, groups=test.groups)
    if not fitted.backbone.pretrained:
        return measured, Verdict.not_asked("this method starts from random weights and transfers nothing")
    reads = "" if random.preprocess is None else random.preprocess.fineness
    coarser = reads != (task.backbone.preprocess.fineness if task.backbone.preprocess is not None else "")
    far = reference.CLOSE * measured[problem.headline].value if problem.lower_is_better else reference.CLOSE
    quick = isinstance(plain, LinearProbe) and plain.Cs == QUICK
    if (coarser or quick) and difference.low < far:
        full = randomised(task.backbone, full=True) if coarser else random
        return compare_with_random(fitted, task, test, outputs, full, LinearProbe())
    called = "a probe" if isinstance(plain, LinearProbe) else problem.learner if plain.learns else plain.name
    beside = f"{called} on random weights" + (f" at {reads}" if coarser else "")
    return measured, verdict(difference, f"{fitted.method} on {task.backbone.name}", beside, problem.wording)
