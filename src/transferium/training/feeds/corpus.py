"""A corpus as token ids on disk, and batches of it: blocks of text, or pairs of segments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from transferium.data.domain import Domain
from transferium.training.feeds.batch import Batch
from transferium.training.feeds.feeds import Feed, Feeds
from transferium.training.feeds.order import Indices

Bounds = NDArray[np.int64]
TRIES = 20
"""How often a second segment is drawn until its first sentence has room."""


@dataclass(frozen=True, eq=False)
class Tokens:
    """Token ids ``int32 (t,)``, mapped from disk; where sentences begin in them, and documents in the sentences.

    Both ``sentences`` and ``documents`` hold an end as well. ``draws`` has a number from 0 to 1 for each document that
    hangs on its content alone: copies have the same.
    """

    ids: NDArray[np.int32]
    sentences: Bounds
    documents: Bounds
    draws: NDArray[np.float64]

    @classmethod
    def load(cls, folder: Path) -> Tokens:
        """The files that ``methods/pretraining/tokenize.py`` writes."""
        ids: NDArray[np.int32] = np.memmap(folder / "ids.bin", np.int32, "r")
        return cls(ids, *(np.load(folder / f"{name}.npy") for name in ("sentences", "documents", "draws")))

    def blocks(self, room: int) -> Bounds:
        """``(n, 5)``: first sentence, end sentence, first token, end token, document.

        A block is as many sentences of one document as go into ``room`` tokens; a longer sentence is cut into several.
        """
        made: list[tuple[int, int, int, int, int]] = []
        starts = np.asarray(self.sentences)
        for document, (first, end) in enumerate(zip(self.documents[:-1], self.documents[1:], strict=True)):
            at = int(first)
            while at < end:
                stop = int(np.searchsorted(starts, starts[at] + room, side="right")) - 1
                stop = max(at + 1, min(stop, int(end)))
                for begin in range(int(starts[at]), int(starts[stop]), room):
                    made.append((at, stop, begin, min(begin + room, int(starts[stop])), document))
                at = stop
        return np.array(made, np.int64).reshape(-1, 5)


class Blocks:
    """The blocks ``bounds`` of ``tokens``, as the samples of a domain."""

    def __init__(self, tokens: Tokens, bounds: Bounds) -> None:
        self.tokens, self.bounds = tokens, bounds

    def __len__(self) -> int:
        return len(self.bounds)

    def raw(self, index: int) -> NDArray[np.int32]:
        start, end = self.bounds[index, 2:4]
        row: NDArray[np.int32] = np.asarray(self.tokens.ids[start:end])
        return row

    def take(self, indices: Indices) -> Blocks:
        return Blocks(self.tokens, self.bounds[indices])

    def domain(self, name: str) -> Domain:
        """These blocks as unlabelled texts."""
        return Domain(self, "text", Numbered(len(self)), name=name)


class Numbered(Sequence[str]):
    """``"0"``, ``"1"`` and so on, made when they are asked for."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __len__(self) -> int:
        return self.n

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...

    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        found = range(self.n)[index]
        return [str(i) for i in found] if isinstance(found, range) else str(found)

    def __iter__(self) -> Iterator[str]:
        return map(str, range(self.n))


@dataclass(frozen=True)
class Special:
    """The ids of the tokens around a text; ``types`` says whether the network tells two segments apart."""

    cls: int
    sep: int
    pad: int
    types: bool = True


@dataclass(eq=False)
class BlockFeed:
    """``ids (n, t)`` and ``mask (n, t)`` of ``[CLS] block [SEP]``, padded to the longest of the batch."""

    blocks: Blocks
    special: Special
    seed: int
    lengths: Sequence[int] | None = field(init=False)
    extra: int = field(default=2, init=False)

    def __post_init__(self) -> None:
        self.lengths = (self.blocks.bounds[:, 3] - self.blocks.bounds[:, 2] + self.extra).tolist()

    def __len__(self) -> int:
        return len(self.blocks)

    def batch(self, epoch: int, rows: Indices) -> Batch:
        made = [self._row(self.blocks.raw(int(row))) for row in rows]
        return Batch(self._padded(made), None, torch.from_numpy(rows))

    def _row(self, *segments: NDArray[Any]) -> list[NDArray[Any]]:
        """``[CLS] a [SEP]``, and ``b [SEP]`` after it where there is a second segment."""
        first, *others = segments
        return [np.r_[self.special.cls, first, self.special.sep], *(np.r_[b, self.special.sep] for b in others)]

    def _padded(self, rows: list[list[NDArray[Any]]]) -> tuple[Tensor, ...]:
        shape = len(rows), max(sum(map(len, row)) for row in rows)
        ids = np.full(shape, self.special.pad, np.int64)
        mask, types = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        for at, row in enumerate(rows):
            whole = np.concatenate(row)
            ids[at, : len(whole)], mask[at, : len(whole)] = whole, 1
            types[at, len(row[0]) : len(whole)] = 1
        paired = self.special.types and len(rows[0]) > 1
        return tuple(torch.from_numpy(x) for x in ((ids, mask, types) if paired else (ids, mask)))


@dataclass(eq=False)
class PairFeed(BlockFeed):
    """``[CLS] a [SEP] b [SEP]`` from a block that is cut between two sentences, and the label of ``task``.

    Label 0: ``b`` is what follows (``nsp``), of the same document (``same-document``) or in order (``sop``); 1: it is
    not. Half of the labels are 1, drawn by (seed, epoch, row). Token types are 0 and 1, for networks that have them.
    A ``b`` from another place is filled up as a block is, so that lengths do not tell the label.
    """

    task: str = "nsp"

    def __post_init__(self) -> None:
        self.extra = 3
        super().__post_init__()
        self.document = self.blocks.bounds[:, 4]
        #: How many tokens both segments have together at most: as many as the longest block.
        self.room = int((self.blocks.bounds[:, 3] - self.blocks.bounds[:, 2]).max())

    def batch(self, epoch: int, rows: Indices) -> Batch:
        labels, made = [], []
        for row in rows:
            draw = np.random.default_rng([self.seed, epoch, int(row)])
            label = int(draw.integers(2))
            labels.append(label)
            made.append(self._row(*self._segments(int(row), label, draw)))
        return Batch(self._padded(made), torch.tensor(labels), torch.from_numpy(rows))

    def _segments(self, row: int, label: int, draw: np.random.Generator) -> tuple[NDArray[Any], NDArray[Any]]:
        a, b = self._cut(row, draw)
        if self.task == "sop":
            return (b, a) if label else (a, b)
        room, whole = self.room - len(a), (0, len(self.document))
        own = tuple(np.searchsorted(self.document, [self.document[row], self.document[row] + 1]).tolist())
        if label:
            return a, self._filling(room, draw, whole, own)
        if self.task == "same-document":
            if int(draw.integers(*own)) != row:
                return a, self._filling(room, draw, own, (row, row + 1))
            return (b, a) if draw.integers(2) else (a, b)
        return a, b

    def _cut(self, row: int, draw: np.random.Generator) -> tuple[NDArray[Any], NDArray[Any]]:
        (start, stop), middle = self.blocks.bounds[row, 2:4], self._middle(row, draw)
        return np.asarray(self.blocks.tokens.ids[start:middle]), np.asarray(self.blocks.tokens.ids[middle:stop])

    def _middle(self, row: int, draw: np.random.Generator) -> int:
        """Where a sentence of that block begins that is not its first."""
        first, end = self.blocks.bounds[row, :2]
        return int(self.blocks.tokens.sentences[int(draw.integers(first + 1, end))])

    def _filling(
        self, room: int, draw: np.random.Generator, among: tuple[int, int], without: tuple[int, int]
    ) -> NDArray[Any]:
        """From the middle of a block ``among`` these as many sentences of its document as go into ``room``.

        Every block but those ``without`` is as likely. A first sentence that does not go in is cut only where several
        draws found no other.
        """
        starts, (first, end), gap = self.blocks.tokens.sentences, among, without[1] - without[0]
        for _ in range(TRIES):
            row = int(draw.integers(first, end - gap))
            row += gap if row >= without[0] else 0
            at = self._middle(row, draw)
            last = int(self.blocks.tokens.documents[self.document[row] + 1])
            stop = int(starts[min(int(np.searchsorted(starts, at + room, side="right")) - 1, last)])
            if stop > at:
                break
        else:
            stop = at + room
        return np.asarray(self.blocks.tokens.ids[at:stop])


@dataclass(eq=False)
class CorpusFeeds(Feeds):
    """Feeds of domains of :class:`Blocks`: pairs for a ``task`` on pairs, else blocks."""

    special: Special = field(default_factory=lambda: Special(0, 0, 0))
    task: str | None = None

    def _open(self, domain: Domain, augmented: bool) -> Feed:
        del augmented
        assert isinstance(domain.samples, Blocks)
        if self.task is None:
            return BlockFeed(domain.samples, self.special, self.seed)
        return PairFeed(domain.samples, self.special, self.seed, self.task)
