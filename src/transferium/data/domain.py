"""A domain: a named, read-only set of examples, with labels or, by type, without."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from transferium.data.columns.table import Table
from transferium.data.samples import Indices, Rows, Samples
from transferium.errors import DataError, did_you_mean
from transferium.problems.classes import Classes
from transferium.problems.problem import Problem
from transferium.system.shown import Face

Kind = Literal["image", "text", "sound", "pair", "image_pair", "sentence", "scene", "row", "mixed", "features"]
"""Kinds of example. A pair is two texts, an image pair two images. A sentence is a text whose words have labels, a
scene an image with boxes of things. A row is one of a table of typed columns; a mixed row has pictures, texts or sounds
beside these. Features are numbers that a backbone made."""
PARTS = ("train", "val", "test")
BLOCK = 1 << 14
"""Rows of a table that are encoded at a time where only the answers for them are kept."""


@dataclass(frozen=True, eq=False)
class Domain:
    """Examples from one distribution.

    ``labels[i]`` is the label of example ``i`` as ``problem`` means it: an index into ``classes``, a row of zeros and
    ones, or an amount. ``labels is None`` means that there are none, or that they must not be looked at.
    ``parts[i]`` is ``"train"``, ``"val"`` or ``"test"`` where the data came divided, else ``parts`` is None.
    ``by[i]`` is the subgroup that figures are asked for, None where that is missing.
    ``groups[i]`` ties examples that must stay on one side of every split (one patient, one session).
    ``ignored`` names by reason what was given and is not among the examples (``data/doctor/left_out.py`` has the
    reasons in words), under ``"labels"`` the ids of examples that have one where others have none, under
    ``"unusable"`` what the doctor said of the examples that it put aside, and where there are no labels, under
    ``"candidates"`` the columns without a use and under ``"one-hot"`` those that look like one label.
    ``layout`` says what the data was taken for.
    ``keys[i]`` is the SHA-256 of the example's content once it has been scanned, ``""`` where unreadable.
    """

    samples: Samples
    kind: Kind
    ids: Sequence[str]
    labels: NDArray[Any] | None = None
    problem: Problem | None = None
    parts: NDArray[np.str_] | None = None
    groups: NDArray[np.int64] | None = None
    keys: tuple[str, ...] | None = None
    by: NDArray[np.object_] | None = None
    name: str = "data"
    feature_names: tuple[str, ...] | None = None
    ignored: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    layout: str = ""

    def __post_init__(self) -> None:
        for name in ("ids", "labels", "parts", "groups", "keys", "by"):
            column = getattr(self, name)
            if column is not None and len(column) != len(self.samples):
                raise DataError(f"domain {self.name!r} has {len(self.samples)} samples but {len(column)} {name}")

    def __len__(self) -> int:
        return len(self.samples)

    def __repr__(self) -> str:
        labelled = "no labels" if self.labels is None or self.problem is None else self.problem.said()
        return f"Domain({self.name!r}, {len(self)} {self.kind} examples, {labelled})"

    def _repr_html_(self) -> str:
        parts = [] if self.parts is None else [f"{p} {int((self.parts == p).sum())}" for p in PARTS]
        rows = [("parts", ", ".join(parts))] if parts else []
        if self.labels is not None and isinstance(self.problem, Classes):
            counts = np.bincount(self.labels, minlength=len(self.classes)).tolist()
            rows += [(name, str(n)) for name, n in zip(self.classes, counts, strict=True)]
        return Face(repr(self), rows).as_html()

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, none without labels; ``DataError`` where labels are no classes."""
        if self.problem is None:
            return ()
        if not isinstance(self.problem, Classes):
            raise DataError(
                f"this is done for classes alone, and the labels of {self.name!r} are {self.problem.said()}"
            )
        return self.problem.names

    @property
    def posed(self) -> Problem:
        """The problem that the labels define, or an error where this domain has none."""
        if self.problem is None:
            raise DataError(f"domain {self.name!r} has no labels, and something asked what they are")
        return self.problem

    @property
    def y(self) -> NDArray[Any]:
        """The labels, or an error where this domain has none."""
        if self.labels is None:
            raise DataError(f"domain {self.name!r} has no labels, and something asked for them")
        return self.labels

    def take(self, indices: Indices | NDArray[np.bool_] | Sequence[int]) -> Domain:
        """The examples at ``indices`` (positions or a mask), in that order. A mask of all copies nothing."""
        at = np.asarray(indices)
        if at.dtype == bool and at.all():
            return self
        at = np.flatnonzero(at) if at.dtype == bool else at.astype(np.intp)

        def pick(column: Any) -> Any:
            return None if column is None else column[at]

        return replace(
            self,
            samples=self.samples.take(at),
            ids=[self.ids[i] for i in at.tolist()],
            labels=pick(self.labels),
            parts=pick(self.parts),
            groups=pick(self.groups),
            by=pick(self.by),
            keys=None if self.keys is None else tuple(self.keys[i] for i in at.tolist()),
        )

    def part(self, name: str) -> Domain:
        """The examples of one part (``"train"``, ``"val"``, ``"test"``)."""
        if self.parts is None or not (self.parts == name).any():
            present = [] if self.parts is None else [p for p in PARTS if (self.parts == p).any()]
            raise DataError(f"domain {self.name!r} has no part {name!r}; it has {present or 'no parts'}")
        return replace(self.take(self.parts == name), parts=None, name=f"{self.name}/{name}")

    def unlabeled(self) -> Domain:
        """The same examples without labels: absent by type, never a special code."""
        return replace(self, labels=None, problem=None)

    def columns(self, names: Sequence[str]) -> Domain:
        """The same examples by the feature columns ``names``, in that order; raises ``DataError`` for one not there."""
        there = self.feature_names or ()
        place, here, asked = {name: i for i, name in enumerate(there)}, Counter(there), Counter(names)
        for name in names:
            if here[name] > 1 or asked[name] > 1:
                raise DataError(f"several columns of {self.name!r} are called {name!r}: give each a name of its own.")
            if name not in place:
                hint = did_you_mean(name, there, f"It has {', '.join(map(repr, there[:20]))}.")
                raise DataError(f"{self.name!r} has no feature column {name!r}. {hint}")
        if isinstance(self.samples, Table):
            return replace(self, samples=self.samples.select(names), feature_names=tuple(names), keys=None)
        order = [place[name] for name in names]
        return replace(self, samples=Rows(self.features[:, order]), feature_names=tuple(names), keys=None)

    def embedded(self, features: NDArray[np.floating[Any]], names: Sequence[str] | None = None) -> Domain:
        """The same examples seen through a backbone: a domain of feature rows."""
        called = None if names is None else tuple(names)
        return replace(self, samples=Rows(features), kind="features", feature_names=called)

    @property
    def features(self) -> NDArray[np.floating[Any]]:
        """The ``(n, width)`` array behind feature rows, or behind a table of numbers alone."""
        if isinstance(self.samples, Table):
            return self.samples.numbers()
        if not isinstance(self.samples, Rows):
            raise DataError(f"domain {self.name!r} holds {self.kind} examples, not a feature table: embed it first")
        return self.samples.values


def row_blocks(domain: Domain) -> Iterator[Domain]:
    """The rows of a table a block at a time, in order; other examples, and a table of one block, as they are."""
    if not isinstance(domain.samples, Table) or len(domain) <= BLOCK:
        yield domain
        return
    for start in range(0, len(domain), BLOCK):
        yield domain.take(range(start, min(start + BLOCK, len(domain))))


def alike(domain: Domain, kind: Kind) -> Domain:
    """Rows of numbers as ``kind``, a table or features, where they are the other of these; anything else as it is."""
    if kind == "features" and isinstance(domain.samples, Table):
        return domain.embedded(domain.features, domain.feature_names)
    if kind == "row" and isinstance(domain.samples, Rows):
        return replace(domain, samples=Table.of_array(domain.features, domain.feature_names), kind=kind, keys=None)
    return domain
