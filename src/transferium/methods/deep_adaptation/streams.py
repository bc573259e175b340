"""The streams of an adaptation: source, unlabelled target and a few labelled target examples, embedded once or raw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from transferium.errors import DataError
from transferium.methods.adaptation_task import AdaptationTask
from transferium.methods.holdout import HeldOut
from transferium.methods.task import Task

if TYPE_CHECKING:
    from transferium.data.domain import Domain
    from transferium.training.feeds.feeds import Feeds


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
    from transferium.training.feeds.feeds import Feeds

    given: dict[str, Domain | None] = {"source": None if parts is None else parts.train}
    if isinstance(task, AdaptationTask):
        given |= {"unlabeled": task.unlabeled, "target": task.target}
    raw = {name: domain for name, domain in given.items() if domain is not None}
    held = None if parts is None else parts.held
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
