"""Pictures or table rows to pretrain on: what is read, and what of it is held out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from transferium.data.doctor.scan import scan
from transferium.data.domain import Domain, Kind, alike
from transferium.data.modality import KINDS
from transferium.errors import DataError, TransferiumWarning
from transferium.methods.pretraining.pretraining import Spot

LEAST = 4
CALLED: dict[Kind, str] = {"image": "pictures", "row": "rows"}


def examples_of(corpus: Any, columns: Mapping[str, Any], kind: Kind, objectives: Sequence[str]) -> Domain:
    """The examples of a path or a domain, without their labels; of a data set that came divided, the train part."""
    from transferium.data.read import read

    domain = corpus if isinstance(corpus, Domain) else read(corpus, **dict(columns))
    domain = alike(domain, kind)
    if domain.kind != kind:
        whose = KINDS[domain.kind]
        raise DataError(f"{' and '.join(objectives)} learn from {CALLED[kind]}, and {domain.name!r} holds {whose}.")
    if domain.parts is None or not (domain.parts == "train").any():
        return domain.unlabeled()
    train = domain.part("train").unlabeled()
    if rest := len(domain) - len(train):
        words = f"of its {CALLED[kind]} {rest:,} are left out, which are not in the train part"
        warnings.warn(f"{domain.name!r} came divided: {words}.", TransferiumWarning, stacklevel=2)
    return train


def divided(corpus: Domain, held_of: Callable[[int], int], spot: Spot) -> tuple[Domain, Domain, tuple[str, ...]]:
    """The readable examples to learn from and those held out, copies on one side, and what a reader must know."""
    called = CALLED[corpus.kind]
    scanned = scan(corpus, progress=partial(spot.tell, f"reading the {called}"))
    usable = np.array([key != "" and i not in scanned.problems for i, key in enumerate(scanned.keys)], bool)
    said = () if usable.all() else (f"{int((~usable).sum()):,} of {len(usable):,} {called} cannot be read: left out",)
    whole = replace(corpus, keys=scanned.keys).take(usable)
    assert whole.keys is not None
    distinct = sorted(set(whole.keys))
    if len(distinct) < LEAST:
        raise DataError(
            f"{corpus.name!r} has {len(distinct)} different {called}, and {LEAST} or more are needed, since some are "
            "held out."
        )
    # Keys are hashes: their order is as good as a draw, and copies have the same.
    out = set(distinct[: min(max(2, held_of(len(distinct))), len(distinct) - 2)])
    held = np.array([key in out for key in whole.keys])
    return whole.take(~held), whole.take(held), said
