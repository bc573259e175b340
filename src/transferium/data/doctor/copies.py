"""The doctor's findings on exact copies: duplicates, leaks between parts, and one example under two labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.columns.table import Table
from transferium.data.doctor.findings import Finding, count, some
from transferium.data.domain import PARTS, Domain
from transferium.functional.sequences.ragged import is_ragged_array


@dataclass(frozen=True)
class Copies:
    """Findings on exact copies, and the examples that must not be trained on because a copy of them is held out."""

    findings: list[Finding]
    leaked: NDArray[np.bool_]


def find_copies(domain: Domain, codes: NDArray[np.int64], keep: NDArray[np.bool_]) -> Copies:
    """Findings on usable examples with equal ``codes``, which are exact copies.

    Rows of whole numbers (ages, counts) and categories can be equal by chance: they are named, and none is taken for a
    leak.
    """
    sizes = np.bincount(codes[keep], minlength=len(domain))
    copied = np.flatnonzero(keep & (sizes[codes] > 1))
    if not len(copied):
        return Copies([], np.zeros(len(domain), np.bool_))
    copied = copied[np.argsort(codes[copied], kind="stable")]
    sets = np.split(copied, np.flatnonzero(np.diff(codes[copied])) + 1)
    chance = _by_chance(domain, copied)
    extra = count(len(copied) - len(sets), "exact copy", "exact copies")
    message = f"{extra} of another example: {some(f'{domain.ids[s[0]]} = {domain.ids[s[1]]}' for s in sets)}"
    findings = [Finding("duplicate", "note" if chance else "warning", message, _ids(domain, copied))]
    later = _in_later_part(domain, codes, keep)
    findings += _leaks(domain, sets, later, chance) + _two_labels(domain, sets, chance)
    return Copies(findings, later & (not chance))


def _by_chance(domain: Domain, rows: NDArray[np.intp]) -> bool:
    """Whether ``rows`` of a table or of features are of whole numbers, and can be equal by chance."""
    if isinstance(domain.samples, Table):
        return domain.samples.whole(rows)
    return domain.kind == "features" and bool((domain.features[rows] % 1 == 0).all())


def _in_later_part(domain: Domain, codes: NDArray[np.int64], keep: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Examples with a copy in a later part: train before val before test."""
    if domain.parts is None:
        return np.zeros(len(domain), np.bool_)
    rank = np.array([PARTS.index(part) for part in domain.parts.tolist()])
    last = np.full(len(domain), -1)
    np.maximum.at(last, codes[keep], rank[keep])
    return keep & (last[codes] > rank)


def _leaks(domain: Domain, sets: list[NDArray[np.intp]], later: NDArray[np.bool_], chance: bool) -> list[Finding]:
    """The same example in two parts."""
    across = [s for s in sets if later[s].any()]
    if not across or domain.parts is None:
        return []
    named = []
    for s in across:
        pair = (s[later[s]][0], s[~later[s]][-1])
        named.append(" = ".join(f"{domain.ids[i]} ({domain.parts[i]})" for i in pair))
    n = int(later.sum())
    message = f"{count(len(across), 'example is', 'examples are')} in more than one part: {some(named)}; "
    if chance:
        message += "rows of whole numbers can be equal by chance, so all are kept"
    else:
        message += f"{count(n, 'copy', 'copies')} in an earlier part {'is' if n == 1 else 'are'} not learned from"
    return [Finding("leak", "warning" if chance else "error", message, _ids(domain, np.concatenate(across)))]


def _two_labels(domain: Domain, sets: list[NDArray[np.intp]], chance: bool) -> list[Finding]:
    """Equal content, different classes."""
    if domain.labels is None:
        return []
    labels = domain.labels
    torn = [s for s in sets if _differ(labels, s).any()]
    if not torn:
        return []
    named = []
    for s in torn:
        pair = (s[0], s[_differ(labels, s)][0])
        named.append(" = ".join(f"{domain.ids[i]} ({domain.posed.cell(labels[i])})" for i in pair))
    message = f"{count(len(torn), 'example has', 'examples have')} two labels: {some(named)}"
    allowed = chance or domain.posed.several_are_right
    message += "" if allowed else "; decide which is right"
    return [Finding("two-labels", "note" if allowed else "error", message, _ids(domain, np.concatenate(torn)))]


def _differ(labels: NDArray[Any], at: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Which of some examples have another label than the first of them."""
    if is_ragged_array(labels):
        return np.array([not np.array_equal(labels[i], labels[at[0]]) for i in at], bool)
    differ: NDArray[np.bool_] = (labels[at] != labels[at[0]]).reshape(len(at), -1).any(axis=1)
    return differ


def _ids(domain: Domain, at: NDArray[np.intp]) -> tuple[str, ...]:
    return tuple(domain.ids[i] for i in at.tolist())
