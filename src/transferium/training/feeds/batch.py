"""One batch of one stream: tensors, where they came from, and labels or none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Batch:
    """``inputs`` go to the backbone as they are; ``index`` holds each row's position in its domain.

    ``labels`` are class numbers ``int64 (n,)`` or class probabilities ``float32 (n, classes)``; None in a stream
    without labels.
    """

    inputs: tuple[Tensor, ...]
    labels: Tensor | None
    index: Tensor

    def __len__(self) -> int:
        return len(self.index)

    def to(self, device: torch.device) -> Batch:
        """The same batch on ``device``; images in channels-last layout, which convolutions prefer."""
        if device.type == "cpu":
            return self
        labels = None if self.labels is None else self.labels.to(device, non_blocking=True)
        return Batch(tuple(x.to(device, non_blocking=True) for x in self.inputs), labels, self.index)

    def pieces(self, count: int) -> Iterator[Batch]:
        """Split the rows into ``count`` nearly equal parts, some of them empty where there are too few rows."""
        parts = [x.tensor_split(count) for x in self.inputs]
        labels = [None] * count if self.labels is None else self.labels.tensor_split(count)
        for i, index in enumerate(self.index.tensor_split(count)):
            yield Batch(tuple(part[i] for part in parts), labels[i], index)


def labels_at(labels: NDArray[np.int64] | None, rows: NDArray[np.intp]) -> Tensor | None:
    """A domain's labels of ``rows`` as a tensor, or None where it has none."""
    return None if labels is None else torch.from_numpy(labels[rows])
