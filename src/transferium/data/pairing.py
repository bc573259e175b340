"""The pair that adaptation starts from: labelled sources, and a target whose labels are removed before training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from transferium.data.aligned_columns import align_columns
from transferium.data.columns.table import Table
from transferium.data.doctor.findings import Finding, count, some
from transferium.data.domain import Domain, alike
from transferium.data.joined_samples import join_samples
from transferium.data.modality import KINDS
from transferium.data.readers.parts import join_ignored, join_labels
from transferium.data.samples import Rows
from transferium.errors import DataError, option
from transferium.problems.classes import Classes
from transferium.problems.label_cells import sort_names


@dataclass(frozen=True, eq=False)
class Pair:
    """The data that adaptation starts from: labelled sources, and a target without labels.

    ``source`` holds all sources one after another over one list of classes, and ``origin (n,)`` says which of
    ``names`` each row came from. ``target`` has no labels, by type. Where the target was given with labels they are
    kept in ``answers``, for the evaluation at the very end and for nothing else. ``few`` holds the labelled target
    examples that were given for training, over the classes of ``source``.
    """

    source: Domain
    origin: NDArray[np.int64]
    names: tuple[str, ...]
    target: Domain
    answers: Domain | None
    findings: tuple[Finding, ...]
    few: Domain | None = None


def pair_domains(sources: Sequence[Domain], target: Domain, few: Domain | None = None) -> Pair:
    """Join the sources, strip the target's labels, and compare the sets of classes.

    A source without examples stands for a finished model: only its classes are known.
    If a source or the ``few`` labelled target examples came divided, only train and val are used for training. Raises
    ``DataError`` for no source, for a source or ``few`` without labels, for domains of different kinds or feature
    widths, and for class names that differ only in case.

    >>> from transferium.data.read import read
    >>> pair = pair_domains([read(["good", "bad"], label=["+", "-"])], read(["fine", "awful"], label=["+", "-"]))
    >>> pair.target, pair.findings[0].kind
    (Domain('data', 2 text examples, no labels), 'labels-stripped')
    """
    if not sources:
        raise DataError(f"adapting to {target.name!r} needs a labelled source; none was given.")
    for source in sources:
        if source.labels is None:
            raise DataError(
                f"the source {source.name!r} has no labels. Did source and target change places? The labelled data is "
                "the source; the data that the model is for is the target."
            )
    for domain in (*sources, target, *([] if few is None else [few])):
        _refuse_others(domain)
    first = _named(sources[0], [*sources[1:], target, *([] if few is None else [few])])
    (first, *others), target, few, aligned = _aligned([first, *sources[1:]], target, few)
    target = _as_first(first, target, "target")
    others = [_as_first(first, other, "source") for other in others]
    who = "the sources have" if others else f"the source {first.name!r} has"
    refuse_same_but_case([*first.classes, *chain.from_iterable(o.classes for o in others)], who)
    trained = [_learned_from(source) for source in (first, *others)]
    source = _join(trained)
    findings = [*aligned, *_about_parts(sources, trained)]
    if few is not None:
        source, few, said = _join_few(source, _as_first(first, few, "labelled target"))
        findings += said
    if target.labels is not None:
        refuse_same_but_case([*source.classes, *target.classes], "source and target have")
        findings += [_stripped(target), *_about_classes(source, target)]
    if told := target.ignored.get("labels"):
        findings.append(_partly_labelled(target, told))
    origin = np.repeat(np.arange(len(trained), dtype=np.int64), [len(s) for s in trained])
    names = tuple(s.name for s in sources)
    answers = None if target.labels is None else target
    return Pair(source, origin, names, target.unlabeled(), answers, tuple(findings), few)


def _refuse_others(domain: Domain) -> None:
    """Raise ``DataError`` for labels that are no classes."""
    if domain.problem is None or isinstance(domain.problem, Classes):
        return
    raise DataError(
        f"classes alone can be carried from a source to a target, and the labels of {domain.name!r} are "
        f"{domain.problem.said()} ({domain.problem.kind}). To learn from them alone, fit without a source."
    )


def refuse_same_but_case(names: Sequence[str], who_has: str) -> None:
    """Raise ``DataError`` where two class names differ only in case or outer spaces: they are surely one class.

    ``who_has`` begins the sentence: ``"source and target have"``.
    """
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.casefold().strip(), name)
        if other != name:
            raise DataError(
                f"{who_has} the classes {other!r} and {name!r}, which differ only in case. Give one class one name."
            )


def _named(first: Domain, others: Sequence[Domain]) -> Domain:
    """``first`` with the names that its columns have elsewhere, where it has none and as many: all others follow it."""
    if not isinstance(first.samples, (Rows, Table)) or first.feature_names is not None:
        return first
    names = next((other.feature_names for other in others if other.feature_names), ())
    if len(names) != first.samples.width:
        return first
    samples = first.samples.called(names) if isinstance(first.samples, Table) else first.samples
    return replace(first, samples=samples, feature_names=names)


def _aligned(
    sources: Sequence[Domain], target: Domain, few: Domain | None
) -> tuple[list[Domain], Domain, Domain | None, list[Finding]]:
    """All of them over the columns that their tables share, and what is said of it."""
    roles = ["source"] if len(sources) == 1 else [f"source {i + 1}" for i in range(len(sources))]
    given = [*sources, target, *([] if few is None else [few])]
    made, said = align_columns(given, [*roles, "target", "labelled target"][: len(given)])
    n = len(sources)
    return made[:n], made[n], None if few is None else made[n + 1], said


def _as_first(first: Domain, other: Domain, what: str) -> Domain:
    """``other`` with its columns in the order of ``first``; raises ``DataError`` where the two cannot be compared."""
    other = alike(other, first.kind)
    if other.kind != first.kind:
        raise DataError(
            f"the source {first.name!r} holds {KINDS[first.kind]} and the {what} {other.name!r} {KINDS[other.kind]}: "
            "one model cannot read both. Give both in one modality."
        )
    if not isinstance(first.samples, (Rows, Table)) or not isinstance(other.samples, (Rows, Table)):
        return other
    here, there = first.feature_names, other.feature_names
    if here is not None and there is not None and here != there:
        if odd := sorted(set(here) ^ set(there)):
            verb = "is" if len(odd) == 1 else "are"
            raise DataError(
                f"the source {first.name!r} and the {what} {other.name!r} have different feature columns: "
                f"{some(map(repr, odd), 5)} {verb} in one only. Leave such columns out of both."
            )
        return other.columns(here)
    widths = first.samples.width, other.samples.width
    if widths[0] != widths[1]:
        raise DataError(
            f"the source {first.name!r} has {widths[0]} features and the {what} {other.name!r} {widths[1]}: "
            "both must have the same columns, in one order."
        )
    return other


def _learned_from(source: Domain) -> Domain:
    if source.parts is None or not (source.parts == "train").any():
        return replace(source, parts=None)
    held = "test" if (source.parts == "test").any() else "none"
    return replace(source.take(source.parts != held), parts=None)


def _join(sources: Sequence[Domain]) -> Domain:
    """One domain over the union of the classes; groups of different sources stay apart."""
    if len(sources) == 1:
        return sources[0]
    labels, problem = join_labels(sources, "the source")
    groups = None
    if any(s.groups is not None for s in sources):
        numbered = [np.arange(len(s), dtype=np.int64) if s.groups is None else s.groups for s in sources]
        starts = np.cumsum([0, *(int(g.max(initial=-1)) + 1 for g in numbered)])
        groups = np.concatenate([g + start for g, start in zip(numbered, starts[:-1], strict=True)])
    return Domain(
        samples=join_samples([s.samples for s in sources]),
        kind=sources[0].kind,
        ids=[f"{s.name}/{name}" for s in sources for name in s.ids],
        labels=labels,
        problem=problem,
        groups=groups,
        name=" + ".join(s.name for s in sources),
        feature_names=sources[0].feature_names,
        ignored=join_ignored([s.ignored for s in sources]),
        layout=". ".join(s.layout for s in sources if s.layout),
    )


def _join_few(source: Domain, few: Domain) -> tuple[Domain, Domain, list[Finding]]:
    """Source and labelled target examples over one list of classes, and what to say of them."""
    if few.labels is None:
        raise DataError(
            f"the labelled target examples {few.name!r} have no labels: put the images of each class in a folder of "
            "their own, or name the label column; or leave them out."
        )
    few = _learned_from(few)
    refuse_same_but_case([*source.classes, *few.classes], "the source and the labelled target have")
    counts = {few.classes[c]: int((few.y == c).sum()) for c in np.unique(few.y)}
    if not counts.keys() & set(source.classes):
        raise DataError(
            f"the labelled target examples {few.name!r} share no class name with the source "
            f"({some(sorted(counts))} and {some(sorted(source.classes))}): give them the source's names."
        )
    listed = ", ".join(f"{name} {n}" for name, n in counts.items())
    message = f"{count(len(few), 'labelled target example')} of {few.name!r} are learned from ({listed})"
    findings = [Finding("few-labels", "note", message)]
    if new := sorted(counts.keys() - set(source.classes)):
        message = f"{count(len(new), 'class', 'classes')} known by labelled target examples alone: {some(new)}"
        findings.append(Finding("class-sets", "warning", message))
    classes = sort_names({*source.classes, *new}) if new else source.classes
    return counting_in(source, classes), counting_in(few, classes), findings


def counting_in(domain: Domain, classes: tuple[str, ...]) -> Domain:
    """The same labels as positions in ``classes``, which hold every class that has an example."""
    place = {name: i for i, name in enumerate(classes)}
    table = np.array([place.get(name, -1) for name in domain.classes], np.int64)
    return replace(domain, labels=table[domain.y], problem=Classes(classes))


def _about_parts(sources: Sequence[Domain], trained: Sequence[Domain]) -> list[Finding]:
    return [
        Finding("source-test", "note", f"{count(left, 'example')} of the test part of {source.name!r} were left alone")
        for source, kept in zip(sources, trained, strict=True)
        if (left := len(source) - len(kept))
    ]


def _stripped(target: Domain) -> Finding:
    message = (
        f"the target {target.name!r} came with labels: they were stripped before anything was learned, took part in no "
        "choice, and were kept aside for the evaluation at the end"
    )
    return Finding("labels-stripped", "note", message)


def _partly_labelled(target: Domain, told: tuple[str, ...]) -> Finding:
    are = "row is" if len(told) == 1 else "rows are"
    message = (
        f"{len(told)} of {len(target)} target {are} labelled, and no label is looked at: name them by {option('few')} "
        "to learn from them"
    )
    return Finding("partly-labelled", "warning", message, told)


def _about_classes(source: Domain, target: Domain) -> list[Finding]:
    """Classes that only one of the two has: a partial set, an open set, or both."""
    here = {source.classes[c] for c in np.unique(source.y)} if len(source) else set(source.classes)
    there = {target.classes[c] for c in np.unique(target.y)}
    if not here & there:
        message = (
            f"source and target have no class name in common ({some(sorted(here))} and {some(sorted(there))}): nothing "
            "can be evaluated until the target's labels carry the source's names"
        )
        return [Finding("class-sets", "warning", message)]
    findings = []
    if only := sorted(here - there):
        message = f"partial: {count(len(only), 'class', 'classes')} of the source absent from the target: {some(only)}"
        findings.append(Finding("class-sets", "warning", message))
    if only := sorted(there - here):
        message = (
            f"open: {count(len(only), 'class', 'classes')} of the target unknown to the source: {some(only)}; their "
            "examples will be given a wrong name and are counted as mistakes"
        )
        findings.append(Finding("class-sets", "warning", message))
    return findings
