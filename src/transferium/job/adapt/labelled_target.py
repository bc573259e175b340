"""Labelled target examples in a job: they are never used for evaluation, and a model from them alone is reported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from transferium.data.doctor.findings import Diagnosis, Finding, count
from transferium.data.domain import Domain
from transferium.errors import DataError
from transferium.job.fit.prepare import Prepared


def keys_of_few(few: Domain | None) -> set[str]:
    """The contents of labelled target examples; none where there are no such."""
    return set() if few is None else set(few.keys or ()) - {""}


def untold(domain: Domain, keys: set[str]) -> Domain:
    """The scanned examples of ``domain`` whose content is none of ``keys``."""
    return domain.take(np.array([key not in keys for key in domain.keys or ()], bool)) if keys else domain


def leave_out(held: Domain, keys: set[str], rule: str) -> tuple[Domain, str]:
    """The examples left for evaluation, and a sentence that says so; raises ``DataError`` where none are left."""
    rest = untold(held, keys)
    if len(rest) == len(held):
        return rest, rule
    if not len(rest):
        raise DataError(
            f"every example of the target {held.name!r} that could be evaluated on is among the labelled ones: give "
            "fewer of these, or more of the target."
        )
    gone = count(len(held) - len(rest), "labelled example")
    return rest, f"{rule}, except {gone}, which {'is' if len(held) - len(rest) == 1 else 'are'} learned from"


def about_few(source: Domain, few: Domain | None) -> list[Finding]:
    """A finding on labelled target examples that are in the source too: these add nothing about the target."""
    here = set(source.keys or ()) - {""}
    shared = [] if few is None else [i for i, key in enumerate(few.keys or ()) if key in here]
    if few is None or not shared:
        return []
    words = f"{len(shared)} of the {count(len(few), 'labelled target example')} are also in the source, byte for byte"
    return [Finding("shared-examples", "warning", words, tuple(few.ids[i] for i in shared))]


def of_both(prepared: Mapping[str, Prepared]) -> dict[str, Prepared]:
    """The source and the labelled target examples, where both teach: a class of one is not missing in the other."""
    both = {side: prepared[side] for side in ("source", "labelled target") if side in prepared}
    present = {label for one in both.values() for label in one.domain.y.tolist()}
    if len(both) < 2 or len(present) < len(both["source"].domain.classes):
        return both
    return {side: replace(one, diagnosis=_without_missing(one.diagnosis)) for side, one in both.items()}


def _without_missing(diagnosis: Diagnosis) -> Diagnosis:
    return replace(diagnosis, findings=tuple(f for f in diagnosis.findings if f.kind != "missing-class"))


def told_of_few(few: Domain | None) -> dict[str, Any] | None:
    """How many labelled target examples there were, and of which classes."""
    if few is None:
        return None
    counts = np.bincount(few.y, minlength=len(few.classes))
    by_class = {name: int(n) for name, n in zip(few.classes, counts, strict=True) if n}
    return {"name": few.name, "examples": len(few), "by_class": by_class}


def remembered_few(keys: set[str]) -> dict[str, Any]:
    """Facts on them that are saved with the model, so that no later adaptation of it evaluates on their copies."""
    return {"few": {"examples": len(keys), "keys": sorted(keys)}} if keys else {}
