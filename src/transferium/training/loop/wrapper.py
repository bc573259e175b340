"""Wrappers around a stage's records, for example to keep the best weights, to average them, or to stop early."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from torch import Tensor

Record = dict[str, Any]


class Wrapper(Protocol):
    """A generator around the records; its memory is saved in checkpoints.

    ``wrap`` must yield each record it takes, may add to it, may stop early, and may change the model once the records
    have ended. ``episode`` is the :class:`Episode` under way.
    """

    name: str

    def wrap(self, records: Iterator[Record], episode: Any) -> Iterator[Record]: ...

    def memory(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors, and plain data that JSON can hold."""
        ...

    def recall(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """The opposite of :meth:`memory`."""
        ...
