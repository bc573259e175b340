"""The data doctor: checks of the data before any training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.columns.table import Table
from transferium.data.doctor.class_balance import check_classes
from transferium.data.doctor.column_facts import column_facts
from transferium.data.doctor.copies import find_copies
from transferium.data.doctor.duplicates import ENOUGH, MOST, NEAR, code_keys, near_pairs, tie
from transferium.data.doctor.findings import Diagnosis, Finding, count, some
from transferium.data.doctor.left_out import left_out, why_so_few
from transferium.data.doctor.outliers import find_outliers
from transferium.data.doctor.recordings import check_sounds
from transferium.data.doctor.scan import Scan
from transferium.data.doctor.suspicious_columns import suspicious_columns
from transferium.data.domain import Domain, Kind
from transferium.data.folders.example_files import EXAMPLE_FILES, ending
from transferium.data.samples import Rows
from transferium.data.stratified_split import independent
from transferium.errors import DataError, option
from transferium.problems.classes import Classes

_Pairs = NDArray[np.intp]
_KINDS = {"truncated": "truncated", "empty": "empty", "NaN": "not-finite", "too": "not-finite"}
"""Kinds of finding by the first word of what is wrong with an example."""
MIXED = 0.25
"""The least share of near duplicates with different labels that says that they are none: copies seldom have two."""
TOLD_BY = 20
"""The fewest pairs of near duplicates by whose labels the features are judged."""
OWN_CHECKS: dict[Kind, Callable[[Domain, Sequence[Any], NDArray[np.bool_]], list[Finding]]] = {"sound": check_sounds}
"""What the doctor asks of one kind of example alone, of what a scan saw of each (``Scan.about``)."""


def diagnose(
    domain: Domain,
    scan: Scan,
    *,
    problems: Mapping[int, str] | None = None,
    features: NDArray[np.floating[Any]] | None = None,
) -> Diagnosis:
    """The doctor's diagnosis of ``domain``, from one ``scan`` and from the problems found while embedding it.

    ``problems`` says by position what could not be decoded; ``features`` ``(n, width)`` let near duplicates be seen.
    Nothing is read again, and nothing is changed: examples that cannot be used are marked, and only they.
    """
    wrong = {**(problems or {}), **scan.problems}
    keep = np.ones(len(domain), np.bool_)
    keep[list(wrong)] = False
    codes = code_keys(scan.keys)
    copies = find_copies(domain, codes, keep)
    fixed = [codes] if domain.groups is None else [codes, domain.groups]
    alone = tie(len(domain), fixed, np.empty((0, 2), np.intp))
    kept = np.flatnonzero(keep)
    distinct = kept[np.unique(codes[kept], return_index=True)[1]]
    pairs, near = _look_for_near(domain, distinct, features)
    groups = tie(len(domain), fixed, pairs)
    if refusal := _too_few_left(domain, keep, alone, groups):
        groups, near = alone, [Finding(f.kind, "warning", f"{f.message}; {refusal}", f.ids) for f in near]
    columns = domain.samples.columns if isinstance(domain.samples, Table) else ()
    facts = tuple(column_facts(columns, domain.labels, domain.problem))  # every row of a table can be used
    findings = [
        *_unusable(domain, wrong),
        *_misnamed(domain, scan, keep),
        *(OWN_CHECKS[domain.kind](domain, scan.about, keep) if domain.kind in OWN_CHECKS else ()),
        *copies.findings,
        *near,
        *([] if features is None else find_outliers(domain, features, distinct)),
        *check_classes(domain, keep),
        *_constant(domain, keep),
        *suspicious_columns(columns, facts),
        *left_out(domain),
    ]
    return Diagnosis(tuple(findings), keep, groups, copies.leaked, facts)


def check_labelled(domain: Domain) -> None:
    """Raise ``DataError`` where there are no labels."""
    if domain.labels is None:
        raise DataError(
            f"{domain.name!r} has no labels: {_where_labels_may_be(domain)}. To adapt to data without labels, give "
            f"labelled data beside it, as {option('source')}."
        )


def check_trainable(domain: Domain) -> None:
    """Raise ``DataError`` where training is impossible: no labels, one class, or one independent example per class."""
    check_labelled(domain)
    name = domain.name
    labels, groups, why = domain.y, domain.groups, why_so_few(domain)
    if not isinstance(domain.problem, Classes):
        domain.posed.check_learnable(labels, repr(name))
        return
    present, counts = np.unique(labels, return_counts=True)
    if len(present) < 2:
        empty = [repr(name) for i, name in enumerate(domain.classes) if i not in present]
        hint = f" {some(empty)} {'has' if len(empty) == 1 else 'have'} no usable example." if empty else ""
        only = [f"only one class, {domain.classes[c]!r} ({count(counts[0], 'example')})" for c in present]
        raise DataError(
            f"{name!r} has {(*only, 'no usable example')[0]}: give examples of two classes at least.{hint}{why}"
        )
    if independent(labels, groups, len(domain.classes)).max() < 2:
        copies = " (copies count as one)" if len(labels) > len(present) else ""
        raise DataError(
            f"{name!r} has one example per class{copies}, too few to hold any out: give at least two of each class{why}"
        )


def _where_labels_may_be(domain: Domain) -> str:
    """What to do about data without labels, by what it was read from."""
    free = domain.ignored.get("candidates", ())
    if columns := (*free, *(domain.feature_names or ())):
        how = f"name the column that holds them with {option('label')}; its columns are {some(map(repr, columns), 20)}"
        if parts := domain.ignored.get("one-hot"):
            how += (
                f". {some(map(repr, parts))} hold 0 and 1 and add up to one in each row, as one label in parts does: "
            )
            how += "write it as one column"
        return how
    if domain.kind in EXAMPLE_FILES:
        return f"put the {domain.kind}s of each class in a folder of their own, or give a table with {option('label')}"
    return f"give one for each example with {option('label')}"


def used_classes(domain: Domain) -> Domain:
    """The same examples with only those classes that have any, numbered anew; other problems stay as they are."""
    if not isinstance(domain.problem, Classes):
        return domain
    present, labels = np.unique(domain.y, return_inverse=True)
    return replace(domain, labels=labels.astype(np.int64), problem=Classes(tuple(domain.classes[c] for c in present)))


def _unusable(domain: Domain, wrong: Mapping[int, str]) -> list[Finding]:
    """Findings on the examples that cannot be used, by what is wrong with them."""
    kinds: dict[str, list[int]] = {}
    for i in sorted(wrong):
        word = wrong[i].split(" ", 1)[0]
        kind = _KINDS.get(word, "unreadable")
        kinds.setdefault(kind, []).append(i)
    return [
        Finding(
            kind,
            "error",
            f"{count(len(at), 'example')} put aside: " + some(f"{domain.ids[i]} ({wrong[i]})" for i in at),
            tuple(domain.ids[i] for i in at),
        )
        for kind, at in kinds.items()
    ]


def _misnamed(domain: Domain, scan: Scan, keep: NDArray[np.bool_]) -> list[Finding]:
    """Findings on files whose name ends like another format; they are read in the format that their bytes have."""
    files = EXAMPLE_FILES.get(domain.kind)
    if files is None:
        return []
    promised, known = (files.endings.get(ending(name)) for name in domain.ids), {*files.readable.values()}
    at = [
        i
        for i, (said, real) in enumerate(zip(promised, scan.formats, strict=True))
        if said and real in known and said != real and keep[i]
    ]
    if not at:
        return []
    message = f"{count(len(at), 'file is', 'files are')} not what the name says, and read by content: " + some(
        f"{domain.ids[i]} (a {scan.formats[i].upper()})" for i in at
    )
    return [Finding("wrong-extension", "warning", message, tuple(domain.ids[i] for i in at))]


def _look_for_near(
    domain: Domain, at: NDArray[np.intp], features: NDArray[np.floating[Any]] | None
) -> tuple[_Pairs, list[Finding]]:
    """Pairs of near duplicates among the usable examples ``at``, one of each set of exact copies."""
    none = np.empty((0, 2), np.intp)
    if features is None:
        return none, []
    if len(at) > MOST:
        message = f"near duplicates were not looked for: {len(at):,} examples are more than {MOST:,}"
        return none, [Finding("near-duplicate", "note", message)]
    pairs = at[near_pairs(features[at])]
    alike = f"of examples nearly the same (cosine of features at least {NEAR})"
    if len(pairs) > ENOUGH:
        message = f"more than {ENOUGH:,} pairs {alike}: these features hardly tell them apart, so nothing is tied"
        return none, [Finding("near-duplicate", "warning", message)]
    if not len(pairs):
        return none, []
    said = some(f"{domain.ids[a]} ~ {domain.ids[b]}" for a, b in pairs)
    message = f"{count(len(pairs), 'pair')} {alike}: {said}"
    across = 0 if domain.parts is None else int((domain.parts[pairs[:, 0]] != domain.parts[pairs[:, 1]]).sum())
    if across:
        message += f"; {count(across, 'pair lies', 'pairs lie')} in two parts"
    ids = tuple(domain.ids[i] for i in np.unique(pairs).tolist())
    if (mixed := _classes_joined(domain, at, pairs)) is not None:
        message += f"; {mixed:.0%} of them have different labels: these features hardly tell examples apart, so "
        return none, [Finding("near-duplicate", "warning", f"{message}nothing is tied", ids)]
    return pairs, [Finding("near-duplicate", "warning" if across else "note", message, ids)]


def _classes_joined(domain: Domain, at: NDArray[np.intp], pairs: _Pairs) -> float | None:
    """The share of ``pairs`` with different labels, where that is ``MIXED``, and half of what chance has, or more.

    Then the features of a weak or strange backbone put examples side by side that are no copies.
    """
    if domain.labels is None or not isinstance(domain.problem, Classes) or len(pairs) < TOLD_BY:
        return None
    different = float((domain.labels[pairs[:, 0]] != domain.labels[pairs[:, 1]]).mean())
    shares = np.unique(domain.labels[at], return_counts=True)[1] / len(at)
    by_chance = 1 - float((shares**2).sum())
    return different if by_chance and different >= max(MIXED, by_chance / 2) else None


def _too_few_left(domain: Domain, keep: NDArray[np.bool_], alone: NDArray[np.int64], groups: NDArray[np.int64]) -> str:
    """Why near duplicates are better not tied: a class would have too few independent examples to be divided."""
    if domain.labels is None or not isinstance(domain.problem, Classes) or (groups == alone).all():
        return ""
    labels = domain.labels[keep]
    before, after = (independent(labels, ties[keep], len(domain.classes)) for ties in (alone, groups))
    short = np.flatnonzero(after < np.minimum(before, 5))
    if not len(short):
        return ""
    c = int(short[0])
    return (
        f"they are not tied, since that would leave class {domain.classes[c]!r} with "
        f"{count(int(after[c]), 'independent example')} of {before[c]}; if they do belong together, name a group column"
    )


def _constant(domain: Domain, keep: NDArray[np.bool_]) -> list[Finding]:
    """Findings on columns that hold no information."""
    if keep.sum() < 2:
        return []
    kept, names = np.flatnonzero(keep), []
    if isinstance(domain.samples, Table):
        names = [column.name for column in domain.samples.columns if column.take(kept).constant]
    elif isinstance(domain.samples, Rows):
        same = (domain.features[kept] == domain.features[kept[0]]).all(axis=0)
        names = [domain.feature_names[i] if domain.feature_names else str(i) for i in np.flatnonzero(same)]
    if not names:
        return []
    verb = "column has" if len(names) == 1 else "columns have"
    message = f"{len(names):,} {verb} one value throughout: {some(names, 5)}"
    return [Finding("constant-feature", "note", message)]
