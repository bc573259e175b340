"""One batch of one stream: tensors, where they came from, and labels or none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from transferium.functional.sequences.ragged import is_ragged_array, ragged

PADDING = -1
"""The label of what is no part of an example."""


@dataclass(frozen=True, eq=False)
class Batch:
    """``inputs`` go to the backbone as they are; ``index`` holds each row's position in its domain.

    ``labels`` are class numbers ``int64 (n,)`` or class probabilities ``float32 (n, classes)``; None in a stream
    without labels. Where parts of examples are answered, such as words, ``there (n, parts)`` says which of the places
    are parts; the others are padding, and labelled ``PADDING``.
    """

    inputs: tuple[Tensor, ...]
    labels: Tensor | None
    index: Tensor
    there: Tensor | None = None

    def __len__(self) -> int:
        return len(self.index)

    def to(self, device: torch.device) -> Batch:
        """The same batch on ``device``; images in channels-last layout, which convolutions prefer."""
        if device.type == "cpu":
            return self
        labels = None if self.labels is None else self.labels.to(device, non_blocking=True)
        return replace(self, inputs=tuple(x.to(device, non_blocking=True) for x in self.inputs), labels=labels)

    def pieces(self, count: int) -> Iterator[Batch]:
        """Split the rows into ``count`` nearly equal parts, some of them empty where there are too few rows."""
        parts = [x.tensor_split(count) for x in self.inputs]
        labels, there = (
            [None] * count if given is None else given.tensor_split(count) for given in (self.labels, self.there)
        )
        for i, index in enumerate(self.index.tensor_split(count)):
            yield Batch(tuple(part[i] for part in parts), labels[i], index, there[i])

    def unpadded(self, outputs: NDArray[Any]) -> NDArray[Any]:
        """``outputs`` of this batch's rows: as they are, or a ragged array of those that are no padding."""
        if self.there is None:
            return outputs
        return ragged(row[kept] for row, kept in zip(outputs, self.there.numpy(), strict=True))


def labels_at(labels: NDArray[np.int64] | None, rows: NDArray[np.intp]) -> Tensor | None:
    """A domain's labels of ``rows`` as a tensor, ragged ones padded, or None where it has none."""
    if labels is None or not is_ragged_array(labels):
        return None if labels is None else torch.from_numpy(labels[rows])
    given = [torch.from_numpy(labels[row]) for row in rows]
    return torch.nn.utils.rnn.pad_sequence(given, batch_first=True, padding_value=PADDING)
