"""The head of a detector in NumPy: what ``DetectionNetwork`` computes, and boxes of it. It needs no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from transferium.errors import DataError
from transferium.functional.boxes.overlaps import areas, suppressed
from transferium.functional.boxes.places import Places, places
from transferium.functional.metrics.box_metrics import MOST
from transferium.functional.sequences.ragged import is_ragged_array, ragged
from transferium.models.heads.base import AnyHead
from transferium.problems.problem import Link

Array = NDArray[np.float32]
LEAST = 0.02
"""Raw scores below this are no boxes: they would be of no use in any figure, and there are thousands."""
BEFORE = 400
"""How many of the surest boxes of a class are compared with one another."""
EPSILON = 1e-5


@dataclass(frozen=True, eq=False)
class DetectionHead(AnyHead):
    """Rows ``(places, width)`` of a scene to boxes ``(found, 6)``: class, left, top, right, bottom, score.

    ``tensors`` are those of ``DetectionNetwork`` by name. A score is ``sigmoid((logit(s) + shift) / temperature)``,
    with ``s² = sigmoid(class) · sigmoid(central)``: how likely the box is right. Pictures are computed one at a time,
    so that an answer does not depend on others.
    """

    kind: ClassVar[str] = "detection"

    tensors: dict[str, Array]
    shift: float = 0.0
    temperature: float = 1.0
    link: Link = field(default="sigmoid", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not all(np.isfinite(tensor).all() for tensor in self.tensors.values()) or not np.isfinite(self.shift):
            raise DataError("a head needs finite weights; some of these are not. The fit that made them failed.")
        # Of a network on a machine they may lie in another order, in which they would be saved.
        object.__setattr__(self, "tensors", {k: np.array(t, order="C") for k, t in self.tensors.items()})

    @property
    def classes(self) -> int:
        return len(self.tensors["class_scores.bias"])

    @property
    def width(self) -> int:
        return len(self.tensors["middle"])

    def to_tensors(self) -> dict[str, NDArray[Any]]:
        """The weights by name, as they are saved."""
        return {f"head.{name}": tensor for name, tensor in self.tensors.items()}

    def facts(self) -> dict[str, Any]:
        """The facts that must be saved beside the tensors and the temperature, as plain data."""
        return super().facts() | {"shift": self.shift}

    def _scores(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        raise DataError("a detector answers about whole pictures, not about single rows")

    def logits(self, features: NDArray[Any]) -> NDArray[np.float64]:
        """The answers of all places of each picture, ragged ``(5 · places, classes + 5)``."""
        return ragged(self.answers(rows) for rows in features)

    def outputs(self, features: NDArray[Any]) -> NDArray[np.float64]:
        """The boxes of each picture, the surest first, ragged ``(found, 6)``."""
        if not is_ragged_array(features) and features.ndim != 3:
            raise DataError(f"this head reads a row for each place of a picture; it was given {features.shape}.")
        return ragged(self.boxes(rows) for rows in features)

    def boxes(self, rows: NDArray[Any]) -> NDArray[np.float64]:
        """The boxes of one picture ``(found, 6)``."""
        if not len(rows):
            return np.empty((0, 6))
        answers = self.answers(rows).astype(np.float64)
        sure, boxes = decoded(answers, self.classes, places(round(len(rows) ** 0.5)))
        found = []
        for k in range(self.classes):
            at = np.flatnonzero((sure[:, k] >= LEAST) & (areas(boxes) > 0))
            at = at[np.argsort(-sure[at, k], kind="stable")[:BEFORE]]
            kept = at[suppressed(boxes[at], sure[at, k], MOST)]
            found.append(np.column_stack([np.full(len(kept), float(k)), boxes[kept], self._calibrated(sure[kept, k])]))
        together = np.concatenate(found)
        kept_of_all = np.argsort(-together[:, 5], kind="stable")[:MOST]
        return np.asarray(together[kept_of_all])

    def _calibrated(self, sure: NDArray[np.float64]) -> NDArray[np.float64]:
        logit = np.log(sure) - np.log1p(-np.minimum(sure, 1 - 1e-12))
        calibrated: NDArray[np.float64] = 1 / (1 + np.exp(-(logit + self.shift) / self.temperature))
        return calibrated

    def answers(self, rows: NDArray[Any]) -> Array:
        """What ``DetectionNetwork`` gives for one picture ``(5 · places, classes + 5)``."""
        given, side = self.tensors, round(len(rows) ** 0.5)
        if rows.shape != (side * side, self.width):
            raise DataError(
                f"this head reads {self.width} features of each place of a square; it was given {rows.shape}."
            )
        maps = ((rows - given["middle"]) / given["spread"]).astype(np.float32).T.reshape(-1, side, side)
        split = given["pyramid.inner_blocks.1.0.weight"].shape[1]
        coarse, folded = maps[:split], maps[split:]
        fine = folded.reshape(2, 2, -1, side, side).transpose(2, 3, 0, 4, 1).reshape(-1, 2 * side, 2 * side)
        deep = self._conv(coarse, "pyramid.inner_blocks.1.0")
        shallow = self._conv(fine, "pyramid.inner_blocks.0.0") + deep.repeat(2, axis=1).repeat(2, axis=2)
        levels = [self._conv(shallow, "pyramid.layer_blocks.0.0"), self._conv(deep, "pyramid.layer_blocks.1.0")]
        return np.concatenate([self._of_level(level, given["scales"][i]) for i, level in enumerate(levels)])

    def _of_level(self, level: Array, scale: float) -> Array:
        named, placed = self._tower(level, "class_tower"), self._tower(level, "box_tower")
        parts = [self._conv(named, "class_scores"), self._conv(placed, "central"), self._conv(placed, "sides") + scale]
        answers: Array = np.concatenate(parts).reshape(self.classes + 5, -1).T
        return answers

    def _tower(self, maps: Array, name: str) -> Array:
        layer = 0
        while f"{name}.{layer}.0.weight" in self.tensors:
            at = f"{name}.{layer}"
            maps = self._normalised(self._conv(maps, f"{at}.0"), f"{at}.1")
            maps, layer = np.maximum(maps, 0), layer + 1
        return maps

    def _conv(self, maps: Array, name: str) -> Array:
        """A convolution that keeps the sides ``(inputs, h, w)`` to ``(outputs, h, w)``."""
        weight, bias = self.tensors[f"{name}.weight"], self.tensors.get(f"{name}.bias")
        _, height, width = maps.shape
        reach = weight.shape[2] // 2
        padded = np.pad(maps, ((0, 0), (reach, reach), (reach, reach)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, weight.shape[2:], axis=(1, 2))
        columns = windows.transpose(0, 3, 4, 1, 2).reshape(-1, height * width)
        made: Array = weight.reshape(len(weight), -1) @ columns
        made = made if bias is None else made + bias[:, None]
        return made.reshape(-1, height, width)

    def _normalised(self, maps: Array, name: str) -> Array:
        """Group normalisation."""
        groups = int(self.tensors["groups"])
        parts = maps.reshape(groups, -1)
        parts = (parts - parts.mean(axis=1, keepdims=True)) / np.sqrt(parts.var(axis=1, keepdims=True) + EPSILON)
        weight, bias = self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"]
        normal: Array = parts.reshape(maps.shape) * weight[:, None, None] + bias[:, None, None]
        return normal


def decoded(
    answers: NDArray[np.float64], classes: int, where: Places
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How sure each place is of each class ``(p, classes)``, and its box ``(p, 4)`` within the picture."""
    named, central = (1 / (1 + np.exp(-part)) for part in (answers[:, :classes], answers[:, classes, None]))
    reach = np.exp(np.minimum(answers[:, classes + 1 :], 8)) * where.stride[:, None]
    boxes = np.concatenate([where.middles - reach[:, :2], where.middles + reach[:, 2:]], axis=1)
    return np.sqrt(named * central), np.clip(boxes, 0, 1)
