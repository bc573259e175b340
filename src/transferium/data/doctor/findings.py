"""The doctor's findings, which examples are kept, and which ones belong together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from transferium.data.doctor.column_facts import ColumnFacts
from transferium.system.printable import shown
from transferium.system.shown import Face, Shown

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """One observation about the data, in one sentence, and the ids of the examples it concerns."""

    kind: str
    severity: Severity
    message: str
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, repr=False)
class Diagnosis(Shown):
    """The doctor's findings on one domain.

    ``keep[i]`` is False where example ``i`` cannot be used. Examples with equal ``groups`` belong on one side of every
    split. ``leaked[i]`` marks an example whose exact copy is held out: it must not be trained on. ``columns`` are those
    of a table.
    """

    findings: tuple[Finding, ...]
    keep: NDArray[np.bool_]
    groups: NDArray[np.int64]
    leaked: NDArray[np.bool_]
    columns: tuple[ColumnFacts, ...] = ()

    def face(self) -> Face:
        """How many examples can be used, and the findings, the worst first."""
        order = sorted(self.findings, key=lambda f: ("error", "warning", "note").index(f.severity))
        rows = [(f"{f.severity}: {f.kind}", f.message) for f in order]
        title = f"Doctor: {int(self.keep.sum()):,} of {count(len(self.keep), 'example')} can be used"
        return Face(title, rows, [] if rows else ["Nothing to report."])

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that ``--strict`` refuses."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    def to_json(self) -> dict[str, Any]:
        """Plain data for ``doctor.json`` and the report."""
        return {
            "examples": len(self.keep),
            "kept": int(self.keep.sum()),
            "quarantined": int((~self.keep).sum()),
            "leaked": int((self.leaked & self.keep).sum()),
            "groups": len(np.unique(self.groups[self.keep])),
            "findings": [
                {"kind": f.kind, "severity": f.severity, "message": f.message, "ids": list(f.ids)}
                for f in self.findings
            ],
        }


DECISIVE = (
    *("leak", "leaking-column", "unread", "ignored-column", "ignored-part", "missing-class", "outlier"),
    *("suspicious-label", "large-table", "unshared-column", "empty-column"),
)
"""Kinds of finding that say what was not used, or what may be wrong; the gravest of one severity."""
WORST = 2
"""How many findings are said aloud, wherever the rest only stands in a file."""


def worst(findings: Iterable[Finding], most: int = WORST) -> list[Finding]:
    """The gravest findings, errors before warnings, and of these the decisive first; notes never.

    >>> [f.kind for f in worst([Finding("a", "note", ""), Finding("b", "warning", ""), Finding("c", "error", "")])]
    ['c', 'b']
    """
    grave = [finding for finding in findings if finding.severity != "note"]
    return sorted(grave, key=lambda finding: (finding.severity != "error", finding.kind not in DECISIVE))[:most]


def some(names: Iterable[str], most: int = 3) -> str:
    """A few names, safe to print, and how many more there are.

    >>> some(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    listed = [shown(name) for name in names]
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more


def by_reason(problems: Mapping[str, str], noun: str = "example", done: str = "used") -> list[str]:
    """What could not be read and why, those with the same reason together; ``problems`` are reasons by name.

    >>> by_reason({"a.png": "empty file (0 bytes)", "b.png": "empty file (0 bytes)"})
    ['2 examples could not be used (empty file (0 bytes)): a.png, b.png']
    """
    reasons: dict[str, dict[str, list[str]]] = {}
    for name, reason in problems.items():
        reasons.setdefault(re.split(r" \(| in ", reason, maxsplit=1)[0], {}).setdefault(reason, []).append(name)
    said = []
    for short, full in reasons.items():
        names = list(chain.from_iterable(full.values()))
        why = shown(next(iter(full)) if len(full) == 1 else short)
        said.append(f"{count(len(names), noun)} could not be {done} ({why}): {some(names)}")
    return said


def filled_cells(filled: Mapping[str, Mapping[int, str]], ids: Sequence[str]) -> list[Finding]:
    """Findings on the cells of mixed rows that count as missing, by column; ``filled`` says by row why.

    >>> filled_cells({"poster": {1: "the cell is empty"}}, ["a", "b"])[0].message[:70]
    "column 'poster': 1 cell could not be read (the cell is empty): b; such"
    """
    found = []
    for name, problems in filled.items():
        reasons = "; ".join(
            by_reason({ids[i]: why.removeprefix("cannot be read: ") for i, why in problems.items()}, "cell", "read")
        )
        message = f"column {name!r}: {reasons}; such cells count as missing, and are the mean of the training part"
        found.append(Finding("missing-cell", "warning", message, tuple(ids[i] for i in problems)))
    return found


def count(n: int, one: str, many: str | None = None) -> str:
    """A number and its noun.

    >>> count(1, "file"), count(2, "class", "classes")
    ('1 file', '2 classes')
    """
    return f"{n:,} {one if n == 1 else many or one + 's'}"
