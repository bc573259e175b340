"""Whether transfer helped, overall and by class, beside the reference without transfer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from transferium.errors import DataError
from transferium.evaluation.references import CLOSE
from transferium.evaluation.sides.looked import Array, Looked
from transferium.evaluation.verdict import verdict
from transferium.functional.bootstrap import paired_interval, units_won
from transferium.functional.inference.holm import holm
from transferium.functional.metrics.informedness import informedness_gain
from transferium.functional.metrics.mcnemar import mcnemar
from transferium.problems.classes import Classes

FEWEST, SURE = 5, 0.05
"""The fewest examples of a class for a word on it, and the share of false alarms over all classes."""


def transfer_gain(looked: Looked) -> dict[str, Any]:
    """The verdict beside a probe of random weights on what is evaluated, and one for each class.

    A class was helped or hurt where more or fewer of its examples are found (McNemar's exact test) and not merely
    because it is named more or less often (``informedness_gain``), with control for all classes (Holm); examples that
    belong together count once. A reference that
    reads coarser pictures decides nothing alone: where it is near, it is measured again at full side. Raises
    ``DataError`` where there is no such reference, and for examples that were learned from.
    """
    looked.need_fresh("a verdict")
    theirs = looked.without_transfer
    if theirs is None or looked.reference is None:
        raise DataError(
            "there is no reference without transfer: it needs a pretrained backbone, and what the model learned from "
            "among these examples"
        )
    domain, ours, problem = looked.held.domain, looked.held.outputs, looked.problem
    gap = problem.compare(domain.y, ours, theirs, seed=looked.seed, groups=domain.groups)
    far = CLOSE * problem.merit(domain.y, theirs) if problem.lower_is_better else CLOSE
    reference = looked.reference
    if gap.low < far and looked.finer_reference is not None:
        reference = looked.finer_reference
        theirs = looked.answers_of(reference)
        gap = problem.compare(domain.y, ours, theirs, seed=looked.seed, groups=domain.groups)
    reads = reference.backbone.preprocess
    coarse = "" if reads is None or not reads.fineness else f" at {reads.fineness}"
    said = verdict(gap, "the model", f"a probe on random weights{coarse}", problem.wording)
    told = {"verdict": said.word, "sentence": said.sentence, "difference": gap.as_dict()}
    return told | (
        {"by_class": by_class(problem.names, domain.y, ours, theirs, seed=looked.seed, groups=domain.groups)}
        if isinstance(problem, Classes)
        else {}
    )


def by_class(
    names: Sequence[str], y: Array, ours: Array, theirs: Array, *, seed: int, groups: Array | None = None
) -> list[dict[str, Any]]:
    """Recall with and without transfer for each class, and its word, from labels and probabilities of both.

    ``p_value`` is the larger one of two tests that both have to agree: of recall, and of informedness.
    """
    said, they = ours.argmax(axis=1), theirs.argmax(axis=1)
    right, others = said == y, they == y
    rows: list[dict[str, Any]] = []
    for k, name in enumerate(names):
        at = y == k
        row: dict[str, Any] = {"class": name, "support": int(at.sum())}
        if at.sum() < FEWEST:
            rows.append(row | {"word": "too few examples"})
            continue
        a, b = right[at], others[at]
        row |= {"model": float(a.mean()), "no_transfer": float(b.mean())}
        tied = None if groups is None else groups[at]
        row["difference"] = paired_interval(a, b, seed=seed, groups=tied).as_dict()
        _, won, lost = units_won(a.astype(np.float64) - b, tied)
        informed, p = informedness_gain(at, said == k, they == k, groups)
        agree = informed * (row["model"] - row["no_transfer"]) > 0
        rows.append(row | {"p_value": max(p, mcnemar(won, lost)) if agree else 1.0})
    tested = [row for row in rows if "p_value" in row]
    for row, adjusted in zip(tested, holm([row["p_value"] for row in tested]), strict=True):
        better = row["model"] > row["no_transfer"]
        row["p_adjusted"] = adjusted
        row["word"] = ("helped" if better else "hurt") if adjusted < SURE else "no evidence"
    return rows
