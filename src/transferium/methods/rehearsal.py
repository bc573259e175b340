"""What a method breaks where nothing shifted, and when that proves source only to be the worse of the two."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from transferium.data.deal import deal
from transferium.data.domain import Domain
from transferium.functional.matrices import Labels
from transferium.methods.base import Method, Task
from transferium.methods.source_only import SourceOnly
from transferium.models.catalogue import find_backbone

MOST = 2000
"""Source rows of a rehearsal at most: enough to know a share to a point."""
HALVINGS = 2
"""How often the source is halved; each half is adapted to once from the other."""
KNOWN = 0.25
"""Error where nothing shifted above which a method does not know these classes, and proves nothing."""
SURE = 1.645
"""Standard errors of a one-sided test at 5 %."""


@dataclass(frozen=True)
class Rehearsal:
    """How many answers that differ from source only's a method's own errors explain, from ``rows`` source examples.

    On one target, a candidate's accuracy less source only's is ``d - w - b``: ``d`` the share of answers that differ,
    ``w`` of those the candidate's wrong ones, and ``b`` source only's right ones that it broke.
    ``explained`` is ``w + b`` at its largest, as found where nothing shifted: with two classes ``w`` is ``b``, with
    more it is at most the candidate's ``error``.
    """

    explained: float
    error: float
    rows: int

    @classmethod
    def of(cls, method: Method, task: Task, source: Domain) -> Rehearsal:
        """Adapt from one half of the feature rows ``source`` to the other without its labels, and the other way round.

        Shares of ``n`` answers are ``(k + 1) / (n + 2)``, so that few prove little. The worst half counts: who finds
        the classes in one half and something else in another may do so in a target. Labelled target examples take no
        part; groups stay in one half.
        """
        few = np.sort(np.random.default_rng(task.seed).permutation(len(source))[:MOST])
        rows, backbone = source.take(few), replace(find_backbone(None, "features"), width=source.features.shape[1])
        plain = replace(task, backbone=backbone, target=None, sources=None, workdir=None, progress=None, part=True)
        found, errors = [], []
        for k in range(HALVINGS):
            half = deal(rows.y, rows.groups, np.full(2, 0.5), task.seed + k)
            for known, seen in ((rows.take(half == side), rows.take(half != side)) for side in (0, 1)):
                inner = replace(plain, train=known, groups=known.groups, unlabeled=seen.unlabeled())
                before, after = (m.fit(inner).head.predict(seen.features) for m in (SourceOnly(), method))
                broken, wrong = _share((after != seen.y) & (before == seen.y)), _share(after != seen.y)
                found.append(broken + (broken if task.classes == 2 else wrong))
                errors.append(wrong)
        return cls(max(found), max(errors), len(rows) // 2)

    def proves(self, reference: Labels, candidate: Labels) -> bool:
        """Whether the candidate's target answers must be better than those of ``reference``: ``d - explained > 0``.

        A one-sided test at 5 %, for a candidate that errs in a quarter at most. It holds as far as that errs no more
        often after a shift than without one.

        >>> asked = Rehearsal(0.2, 0.15, 400)
        >>> zeros, ones = np.zeros(100, int), np.repeat([0, 1], [60, 40])
        >>> asked.proves(zeros, ones), asked.proves(zeros, np.repeat([0, 1], [80, 20]))
        (True, False)
        """
        differ, n, each = float((reference != candidate).mean()), len(reference), min(self.explained / 2, 0.5)
        spread = differ * (1 - differ) / n + 4 * each * (1 - each) / self.rows
        return self.error <= KNOWN and differ - self.explained > SURE * float(np.sqrt(spread))

    def words(self, reference: Labels, candidate: Labels) -> str:
        """The shares in one phrase."""
        return (
            f"it gives {100 * float((reference != candidate).mean()):.0f} % of the target other answers than source "
            f"only, its own errors explain {100 * self.explained:.0f} % (it errs in {100 * self.error:.0f} % from one "
            "half of the source to the other)"
        )


def _share(found: NDArray[np.bool_]) -> float:
    return (int(found.sum()) + 1) / (len(found) + 2)
