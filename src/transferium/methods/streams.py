"""The streams of an adaptation: source, unlabelled target and a few labelled target examples, embedded once or raw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from transferium.errors import DataError
from transferium.functional.classifier import fit_linear
from transferium.methods.base import Task
from transferium.methods.held_out import HeldOut

if TYPE_CHECKING:
    from transferium.data.domain import Domain
    from transferium.training.feed import Feeds

PENALTY = 1.0


@dataclass(frozen=True, eq=False)
class Opened:
    """Streams by name, the held-out source beside them, how they are read, and frozen features.

    The features are the source's. Where a model stands for the source, nothing is held out, and they are the target's.
    """

    streams: dict[str, Domain]
    held: Domain | None
    feeds: Feeds
    rows: NDArray[Any]


def open_streams(task: Task, parts: HeldOut | None, *, frozen: bool, augment: str = "none") -> Opened:
    """``source``, ``unlabeled`` and ``target``, those that there are; features where the backbone is frozen.

    ``parts`` is None where a model stands for the source.
    """
    from transferium.training.feed import Feeds

    train, held = (None, None) if parts is None else (parts.train, parts.held)
    given = {"source": train, "unlabeled": task.unlabeled, "target": task.target}
    raw = {name: domain for name, domain in given.items() if domain is not None}
    for name, domain in raw.items():
        if len(domain) < 2 and name != "target":
            raise DataError(f"stream {name!r} ({domain.name!r}) has {len(domain)} examples; adapting needs 2 or more.")
    first = next(iter(raw))
    rows = task.embed(raw[first])
    if not frozen:
        feeds = Feeds(task.backbone.preprocess, augment=augment, seed=task.seed)
        return Opened(raw, held, feeds, rows.features)
    streams = {name: rows if name == first else task.embed(domain) for name, domain in raw.items()}
    return Opened(streams, None if held is None else task.embed(held), Feeds(), rows.features)


def relatedness(sources: NDArray[np.int64], rows: NDArray[Any], target: NDArray[Any]) -> NDArray[np.float64]:
    """How much each source looks like the target, ``(sources,)``, averaging 1 over the source rows.

    A logistic classifier learns to name the source of a row; its mean answer on the target, divided by each source's
    share of the rows, is the share of the target that looks like that source (distribution-weighted combination;
    Mansour et al., Domain adaptation with multiple sources, NeurIPS 2008).

    >>> rows = np.array([[0.0], [0.1], [9.0], [9.1]])
    >>> near, far = relatedness(np.array([0, 0, 1, 1]), rows, np.array([[0.0], [0.2]]))
    >>> bool(near > 1.5 > 0.5 > far)
    True
    """
    scale = float(np.sqrt(((rows - rows.mean(axis=0)) ** 2).mean())) or 1.0
    count = int(sources.max()) + 1
    shares = np.bincount(sources, minlength=count) / len(sources)
    looks = fit_linear(rows / scale, sources, classes=count, penalty=PENALTY)(target / scale).mean(axis=0)
    found: NDArray[np.float64] = np.divide(looks, shares, out=np.zeros(count), where=shares > 0)
    return found


def row_weights(task: Task, parts: HeldOut) -> tuple[NDArray[np.float64], str]:
    """One weight for each row of the source that is trained on, mean 1, and the sentence that says them."""
    assert task.sources is not None and task.unlabeled is not None
    if len(task.sources) != len(task.train):
        raise DataError(f"sources names the origin of {len(task.sources)} rows; there are {len(task.train)}.")
    sources = np.asarray(task.sources)[parts.kept]
    found = relatedness(sources, task.embed(parts.train).features, task.embed(task.unlabeled).features)
    weights = found[sources]
    words = ", ".join(f"{i}: {w:.2f}" for i, w in enumerate(found))
    return weights / weights.mean(), f"sources are weighted by likeness to the target ({words})"
