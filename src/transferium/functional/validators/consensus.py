"""A vote among validators by ranks, and whether it is clear enough to prefer another candidate to source only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from transferium.errors import InputError
from transferium.functional.matrices import Array

MAJORITY = 2 / 3
"""The share of voters that must prefer a candidate to the reference."""


@dataclass(frozen=True, eq=False)
class Consensus:
    """``mean_rank`` of each candidate (1 is best), and which validators voted.

    ``support[i]`` is the share of voters that score candidate ``i`` strictly above the reference. ``left_out`` names
    validators that lacked a score.
    """

    mean_rank: Array
    support: Array
    voters: tuple[str, ...]
    left_out: tuple[str, ...]
    reference: int

    def choice(self) -> int:
        """The candidate of best mean rank, if at least two thirds of the voters prefer it to the reference.

        Otherwise the reference, which is the safe choice. A tie in mean rank goes to the reference, then to the first.
        """
        best = np.flatnonzero(np.isclose(self.mean_rank, self.mean_rank.min()))
        leader = self.reference if self.reference in best else int(best[0])
        return leader if leader == self.reference or self.support[leader] >= MAJORITY - 1e-9 else self.reference


def consensus(scores: Mapping[str, Sequence[float | None]], *, reference: int = 0) -> Consensus:
    """Rank the candidates by each validator (higher is better, ties share a rank) and average the ranks.

    ``scores`` maps a validator to one score per candidate, None or NaN where it could not be computed; a validator that
    lacks one for any candidate is left out, for its ranks would not be comparable. Ranks have no scale, so one
    validator with a wide range cannot outvote the rest, and no evidence of *how much* better survives either.
    Raises ``InputError`` when the numbers of scores differ or the reference is no candidate.

    >>> vote = consensus({"a": [0.1, 0.9], "b": [0.2, 0.3], "c": [0.5, 0.6]})
    >>> vote.mean_rank.tolist(), vote.choice()
    ([2.0, 1.0], 1)
    """
    counts = {len(values) for values in scores.values()}
    if len(counts) != 1 or not 0 <= reference < next(iter(counts)):
        raise InputError(
            f"each validator must score every candidate, the reference ({reference}) among them; found "
            f"{sorted(counts)} scores"
        )
    table = {name: np.array([np.nan if v is None else v for v in values]) for name, values in scores.items()}
    kept = {name: row for name, row in table.items() if not np.isnan(row).any()}
    left_out = tuple(name for name in table if name not in kept)
    candidates = counts.pop()
    if not kept:
        even = np.full(candidates, (candidates + 1) / 2)
        return Consensus(even, np.zeros(candidates), (), left_out, reference)
    rows = np.stack(list(kept.values()))
    ranks = _ranks(rows)
    against = rows[:, reference][:, None]
    return Consensus(ranks.mean(axis=0), (rows > against).mean(axis=0), tuple(kept), left_out, reference)


def _ranks(rows: Array) -> Array:
    """1 for the highest of each row; ties share the mean of their ranks."""
    higher = (rows[:, None, :] > rows[:, :, None]).sum(axis=2)
    equal = (rows[:, None, :] == rows[:, :, None]).sum(axis=2)
    out: Array = higher + (equal + 1) / 2
    return out
