"""The doctor's findings on classes: too few examples, missing from a part, out of balance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transferium.data.doctor.findings import Finding, count, some
from transferium.data.domain import PARTS, Domain
from transferium.problems.classes import Classes
from transferium.problems.label_cells import look_alike

FEW = 5
"""The fewest examples that a class needs: one for each of five folds."""

IMBALANCE = 10
"""The ratio of the largest to the smallest class above which accuracy alone misleads."""


def check_classes(domain: Domain, keep: NDArray[np.bool_]) -> list[Finding]:
    """Findings on the usable examples of each class, in each part where there are parts."""
    if domain.labels is None or domain.problem is None or domain.problem.link == "identity":
        return []
    findings = _look_alike(domain.problem.names)
    if not isinstance(domain.problem, Classes):
        return findings
    n = len(domain.classes)
    everywhere = np.bincount(domain.labels[keep], minlength=n)
    if empty := [name for name, number in zip(domain.classes, everywhere, strict=True) if not number]:
        few = f"{count(len(empty), 'class', 'classes')} without a usable example: {some(map(repr, empty))}"
        findings.append(Finding("missing-class", "error", few))
    learned = keep
    if domain.parts is not None:
        findings += _check_parts(domain, keep, everywhere)
        learned = keep & (domain.parts == "train")
    counts = np.bincount(domain.labels[learned], minlength=n)
    where = "" if domain.parts is None else " to learn from"
    few_of = [f"{name!r} ({number})" for name, number in zip(domain.classes, counts, strict=True) if 0 < number < FEW]
    if few_of:
        message = f"{count(len(few_of), 'class has', 'classes have')} fewer than {FEW} examples{where}: {some(few_of)}"
        findings.append(Finding("few-examples", "warning", message))
    present = np.flatnonzero(counts)
    if len(present) > 1 and counts.max() >= IMBALANCE * counts[present].min():
        large, small = int(counts.argmax()), int(present[counts[present].argmin()])
        message = (
            f"class {domain.classes[large]!r} has {counts[large]:,} examples{where} and {domain.classes[small]!r} "
            f"{counts[small]:,}: read balanced accuracy and the table by class, not accuracy alone"
        )
        findings.append(Finding("imbalance", "warning", message))
    return findings


def _look_alike(names: tuple[str, ...]) -> list[Finding]:
    """A finding on names that may be one class in two spellings; they are kept apart."""
    alike = look_alike(names)
    if not alike:
        return []
    listed = some(" and ".join(map(repr, one)) for one in alike)
    message = f"labels that look alike are kept apart: {listed}; if they are one class, write it in one way"
    return [Finding("look-alike-labels", "warning", message)]


def _check_parts(domain: Domain, keep: NDArray[np.bool_], everywhere: NDArray[np.int64]) -> list[Finding]:
    """Findings on classes that are missing from a part."""
    findings = []
    parts = np.asarray(domain.parts)
    for part in (part for part in PARTS if (parts == part).any()):
        counts = np.bincount(domain.y[keep & (parts == part)], minlength=len(everywhere))
        missing = [repr(domain.classes[c]) for c in np.flatnonzero((counts == 0) & (everywhere > 0))]
        if missing:
            so = "cannot be learned" if part == "train" else f"not measured on {part}"
            which = count(len(missing), "class", "classes")
            findings.append(
                Finding("missing-class", "warning", f"{which} missing from {part}, so {so}: {some(missing)}")
            )
    return findings
