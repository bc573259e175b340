"""``transferium advise``: a plan for a target, with what each step costs here and what is known of it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from transferium.data.doctor.scan import scan
from transferium.data.domain import Domain
from transferium.data.read import read
from transferium.embedding.embed import Embedder
from transferium.errors import DataError, InputError, TransferiumError
from transferium.functional.shift.a_distance import a_distance
from transferium.job.adapt.read_pair import read_target
from transferium.job.advise.calibrate import calibrate
from transferium.job.advise.rules import Situation, Step, steps_of, unpromised
from transferium.job.fit.readable import choose_backbone
from transferium.job.rank.run import without_test
from transferium.problems.classes import Classes
from transferium.system.hardware import cuda_may_be_present, machine_memory, usable_cores

SAMPLE = 200
"""The most examples of each domain whose distance is measured."""


def advise(
    target: str | Path,
    *,
    sources: Sequence[str | Path] = (),
    budget: float | None = None,
    backbone: str | None = None,
    **columns: Any,
) -> dict[str, Any]:
    """A plan for ``target``: steps with command, reason, evidence, and the minutes and memory that they should take.

    Nothing is fitted. A few examples are embedded and, where PyTorch is installed, trained on for three steps, to
    measure what they cost here; of ``sources`` the distance (A-distance) to the target is measured on 200 examples of
    each. ``budget`` are the seconds that there are: a step that should take longer ``fits`` not. ``columns`` are what
    ``read`` takes. The test part of the target is not looked at.

    Returns ``{"target", "machine", "measured", "plan", "notes"}``. Raises ``DataError`` for a target without labels
    where there is no source, and for labels that are no classes.
    """
    if budget is not None and not 0 < budget < float("inf"):
        raise InputError(f"a budget is a number of seconds above 0; {budget!r} was given.")
    path = Path(os.fspath(target))
    domain = without_test(read_target(path, columns))
    if domain.labels is None and not sources:
        raise DataError(f"{domain.name!r} has no labels, and there is no source that has: give one, or label some.")
    if domain.labels is not None and not isinstance(domain.posed, Classes):
        raise DataError(f"plans are for classes, for now, and {domain.name!r} has {domain.posed.said()}.")
    chosen, found = choose_backbone(backbone, domain)
    notes = [finding.message for finding in found]
    near, known_of_sources, left = _distances(sources, domain, chosen, columns)
    notes += left
    if sources and not near:
        raise DataError(" ".join(["no source can be used:", *left]))
    cost = calibrate(domain, chosen)
    if cost.untrained:
        notes.append(f"No training step was measured: {cost.untrained}.")
    counts = None if domain.labels is None else np.bincount(domain.y, minlength=len(domain.classes))
    known = Situation(
        target=shlex.quote(str(path)),
        columns=_as_options(columns),
        kind=domain.kind,
        examples=len(domain),
        per_class=None if counts is None else int(counts[counts > 0].min()),
        classes=len(domain.classes) if counts is not None else 0,
        sources=tuple(shlex.quote(name) for name in near),
        source_examples=known_of_sources,
        backbone=backbone,
        weights_gb=chosen.size_bytes / 1e9,
        memory_gb=machine_memory(),
        cost=cost,
    )
    return {
        "target": {"name": domain.name, "kind": domain.kind, "examples": len(domain), "classes": known.classes}
        | {"fewest_of_a_class": known.per_class},
        "machine": {"cores": usable_cores(), "memory_gb": known.memory_gb, "gpu": cuda_may_be_present()},
        "measured": {"backbone": chosen.name, "a_distance": near} | cost.as_dict(),
        "plan": [_fitting(step, budget) for step in steps_of(known)],
        "notes": [*notes, unpromised()],
    }


def _as_options(columns: Mapping[str, Any]) -> str:
    """What ``read`` is told, as the command line is told it.

    >>> _as_options({"text": ("a", "b"), "types": {"zip": "category"}, "columns": ["x", "y z"]})
    " --text a --text b --type zip=category --columns 'x,y z'"
    """
    words: list[str] = []
    for name, given in columns.items():
        if isinstance(given, Mapping):
            words += [word for column, kind in given.items() for word in ("--type", f"{column}={kind}")]
        elif name == "columns":
            words += ["--columns", ",".join(given)]
        else:
            each = [given] if isinstance(given, str) else list(given)
            words += [word for one in each for word in (f"--{name}", str(one))]
    return "".join(f" {shlex.quote(word)}" for word in words)


def _fitting(step: Step, budget: float | None) -> dict[str, Any]:
    """The step, and whether it fits into a budget, where both are known."""
    known = None if budget is None or step.minutes is None else bool(60 * step.minutes <= budget)
    return step.as_dict() | {"fits": known}


def _distances(
    sources: Sequence[str | Path], target: Domain, backbone: Any, columns: Mapping[str, Any]
) -> tuple[dict[str, float], int, list[str]]:
    """The A-distance of each source, the nearest first; how many examples they have; why others were left out."""
    found: dict[str, float] = {}
    sizes, left, embedder = 0, [], Embedder(None)
    for source in sources:
        try:
            domain = read(source, **columns)
            if domain.labels is None or domain.kind != target.kind:
                raise DataError(f"a source needs labels and {target.kind} examples")
            reader = embedder.fitted(backbone, domain)
            seen = [_features(one, reader, embedder) for one in (domain, target)]
            found[str(source)] = a_distance(*seen, seed=0).distance
            sizes += len(domain)
        except TransferiumError as error:
            left.append(f"{source} was left out: {error}")
    return dict(sorted(found.items(), key=lambda one: one[1])), sizes, left


def _features(domain: Domain, reader: Any, embedder: Embedder) -> Any:
    some = domain.take(np.unique(np.linspace(0, len(domain) - 1, min(SAMPLE, len(domain))).astype(int)))
    seen = embedder(some, reader, scan=scan(some))[0]
    return np.asarray(seen.features[seen.ok], np.float64)
