"""The examples of a data set that are nearest to one example, as a frozen backbone sees them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain, Kind
from transferium.data.folders.example_files import EXAMPLE_FILES
from transferium.data.modality import KINDS
from transferium.data.read import read, read_path
from transferium.embedding.embed import Embedder, check_all_read
from transferium.errors import InputError
from transferium.functional.matrices import unit_rows
from transferium.job.features.features_folder import Block, computed, described, is_features, read_features
from transferium.job.features.seen_by import seen_by
from transferium.job.run_backbone import saved_in
from transferium.models.catalogue import reading_as

TEXTS = "text"


@dataclass(frozen=True)
class Near:
    """One example of those searched: its id, its label as a cell, and the cosine of both features."""

    id: str
    label: str | None
    similarity: float


@dataclass(frozen=True)
class Found:
    """The nearest examples, the nearest first; how many were searched, and which of them cannot be read and why."""

    near: list[Near]
    searched: int
    unreadable: dict[str, str]


def nearest_examples(
    example: str, place: Path, embedder: Embedder, *, backbone: Any = None, count: int = 5, **columns: Any
) -> Found:
    """The ``count`` examples in ``place`` nearest to ``example`` by the cosine of their features; ties by order.

    ``place`` is data, which is embedded unless the store has it, or a folder that ``embed`` wrote. ``example`` is a
    file, or a text itself. Raises ``InputError`` for a run, which keeps no examples, and for kinds of example that
    cannot be given in one word.
    """
    if saved_in(place) is not None:
        raise InputError(
            f"{place} is a run, which keeps no examples: give the data that it learned from, and --backbone {place} to "
            "see it as the run does."
        )
    problems: dict[str, str] = {}
    if is_features(place):
        told = described(place)
        _, found = seen_by(backbone or told["backbone"]["name"], _one(example, told["kind"]), embedder)
        if told["backbone"]["preprocess"] is not None:
            found = reading_as(found, told["backbone"]["preprocess"])
        blocks = read_features(place, told, found).blocks()
    else:
        domain, found = seen_by(backbone, read_path(place, **columns), embedder)
        blocks = computed(domain, found, embedder, problems)
    one = _one(example, found.kind)
    asked = embedder(one, found)[0]
    check_all_read(one.ids, asked.problems)
    return _searched(asked.features[0], blocks, count, problems)


def _one(example: str, kind: Kind) -> Domain:
    """One file, or one text."""
    if kind not in (*EXAMPLE_FILES, TEXTS):
        raise InputError(f"one of {KINDS[kind]} is not given in a word: give a file of a picture or sound, or a text.")
    return read([example], kind=kind)


def _searched(vector: NDArray[np.float32], blocks: Iterable[Block], count: int, problems: dict[str, str]) -> Found:
    direction, best, searched = unit_rows(vector[None])[0], list[Near](), 0
    for block in blocks:
        cosines = unit_rows(block.vectors) @ direction
        searched += len(cosines)
        for i in np.argsort(-cosines, kind="stable")[:count].tolist():
            label = None if block.labels is None else block.labels[i]
            best.append(Near(block.ids[i], label, float(cosines[i])))
        best = sorted(best, key=lambda near: -near.similarity)[:count]
    return Found(best, searched, problems)
