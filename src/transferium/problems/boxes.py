"""Boxes: where things are in a picture, each of a class, such as the raccoons and dogs in a photograph."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from transferium.errors import DataError, did_you_mean
from transferium.functional.bootstrap import Interval, bootstrap, gain_interval
from transferium.functional.boxes.box_mistakes import KINDS, mistakes
from transferium.functional.metrics.box_metrics import box_statistics, matches
from transferium.functional.sequences.ragged import ragged, unanswered
from transferium.problems.evaluation import Evaluation, Rests
from transferium.problems.label_cells import label_name, sort_names
from transferium.problems.problem import Array, Drawn, Labels, Link, Problem, Wording

if TYPE_CHECKING:
    from torch import Tensor

SURE = 0.5
"""The score from which a box is an answer; heads give scores that mean how likely a box is right."""
PER_CLASS = {"class_ap": "ap", "class_ap50": "ap50", "class_ar": "ar"}
NO_BOX = "there is no true box among these pictures"


class Placed(NamedTuple):
    """A box as a label cell holds it: its class and its sides, as shares of the picture's width and height."""

    label: str
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, kw_only=True, repr=False)
class BoxEvaluation(Evaluation):
    """An evaluation of boxes; ``mistakes`` counts the answered boxes by what they are, and those that were missed."""

    mistakes: dict[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for ``json.dumps``."""
        shown = {"per_class": self.rows_as_dict(), "mistakes": self.mistakes}
        return self.metrics_as_dict() | shown | self.examples_as_dict()


@dataclass(frozen=True)
class Boxes(Problem):
    """Boxes in a picture, each of one of ``names``.

    A label ``(boxes, 5)`` holds in each row the class and the left, top, right and bottom side, as shares of the
    picture's width and height, so that they do not depend on how large it is read. Outputs ``(boxes, 6)`` have a score
    behind these: how likely it is that the box overlaps a true one of its class by a half.

    >>> labels, problem = Boxes.read([[Placed("cat", 0.0, 0.0, 0.5, 1.0)], []], "boxes")
    >>> labels[0].tolist(), len(labels[1]), problem.names
    ([[0.0, 0.0, 0.0, 0.5, 1.0]], 0, ('cat',))
    """

    kind: ClassVar[str] = "boxes"
    learner: ClassVar[str] = "a detector"
    link: ClassVar[Link] = "sigmoid"
    headline: ClassVar[str] = "ap50"
    loss_name: ClassVar[str] = "wrong_boxes"
    constant_name: ClassVar[str] = "no_box"
    stratum: ClassVar[str] = "rarest class of box"
    reads: ClassVar[str] = "scene"
    on_frozen: ClassVar[str] = "detector"
    shown: ClassVar[tuple[tuple[str, str], ...]] = (
        ("ap50", "AP at overlap 0.5"),
        ("ap", "AP"),
        ("ar", "average recall"),
        ("box_precision", "precision of the answered boxes"),
        ("box_recall", "recall of the answered boxes"),
    )
    wording: ClassVar[Wording] = Wording.of_share("average precision (overlap 0.5)")

    @classmethod
    def read(cls, values: Sequence[Any], where: str) -> tuple[Labels, Boxes]:
        """From a list of ``Placed`` boxes for each picture."""
        if odd := [value for value in values if not all(isinstance(one, Placed) for one in value)]:
            raise DataError(f"{where} holds {odd[0]!r:.60}, and boxes are labels of pictures: give pictures.")
        names = sort_names({one.label for boxes in values for one in boxes})
        place = {name: float(i) for i, name in enumerate(names)}
        rows = ([(place[one.label], *one[1:]) for one in boxes] for boxes in values)
        return ragged(np.array(row, np.float64).reshape(-1, 5) for row in rows), cls(names)

    @property
    def columns(self) -> tuple[str, ...]:
        return ()

    def said(self) -> str:
        return f"boxes of {len(self.names)} class{'es' * (len(self.names) != 1)}"

    def cell(self, label: Any) -> str:
        return json.dumps(self._plain(label, None), ensure_ascii=False)

    def answer(self, outputs: Array) -> str:
        return json.dumps(self.value(outputs), ensure_ascii=False)

    def value(self, outputs: Array) -> list[dict[str, Any]]:
        return self._plain(_sure(outputs), None)

    def cells(self, labels: Labels, samples: Any) -> list[str]:
        plain = (self._plain(label, samples.sides(i)) for i, label in enumerate(labels))
        return [json.dumps(boxes, ensure_ascii=False) for boxes in plain]

    def answers(self, outputs: Array, samples: Any) -> list[str]:
        found = self.values(outputs, samples)
        return ["" if boxes is None else json.dumps(boxes, ensure_ascii=False) for boxes in found]

    def values(self, outputs: Array, samples: Any) -> list[Any]:
        """The boxes of each picture in its pixels, with their class and score."""
        none = unanswered(outputs)
        return [None if none[i] else self._plain(_sure(each), samples.sides(i)) for i, each in enumerate(outputs)]

    def drawn(self, label: Any, outputs: Array) -> list[Drawn] | None:
        """Each answered box as right or wrong, and the true ones that were missed."""
        sure = _sure(outputs)
        kinds, found = mistakes(label, sure)
        frames = [self._framed(row, "missed", "missed") for row in label[~found]]
        for row, kind in zip(sure, kinds, strict=True):
            said = f"{row[5]:.2f}" if kind == "right" else f"{row[5]:.2f}, {kind}"
            frames.append(self._framed(row, "right" if kind == "right" else "wrong", said))
        return frames

    def _framed(self, row: Array, state: Literal["right", "missed", "wrong"], said: str) -> Drawn:
        left, top, right, bottom = (float(side) for side in row[1:5])
        return Drawn((left, top, right, bottom), state, f"{self.names[int(row[0])]} {said}")

    def _plain(self, rows: Array, sides: tuple[int, int] | None) -> list[dict[str, Any]]:
        """Boxes as plain data: in pixels of a picture of these ``sides``, else in shares of them."""
        scale, digits = (np.ones(4), 4) if sides is None else (np.tile(sides, 2), 1)
        plain = []
        for row in np.asarray(rows):
            box = [round(float(side), digits) for side in row[1:5] * scale]
            score = {"score": round(float(row[5]), 4)} if len(row) > 5 else {}
            plain.append({"label": self.names[int(row[0])], "box": box} | score)
        return plain

    # Joining and comparing data -------------------------------------------------------------------------------------

    def joined(self, others: Sequence[Problem]) -> Boxes:
        names = chain(self.names, *(other.names for other in others))
        return Boxes(sort_names({label_name(name) for name in names}))

    def match(self, labels: Labels, other: Problem, where: str) -> Labels:
        place = {name: i for i, name in enumerate(self.names)}
        if unknown := [name for name, n in other.counts(labels).items() if n and name not in place]:
            raise DataError(
                f"{where} has boxes of the class {unknown[0]!r}, which this model was not trained on. "
                f"{did_you_mean(unknown[0], self.names)}"
            )
        table = np.array([place.get(name, -1) for name in other.names], np.float64)
        return ragged(np.column_stack([table[label[:, 0].astype(int)], label[:, 1:]]) for label in labels)

    def strata(self, labels: Labels) -> NDArray[np.int64]:
        """The rarest class of each picture, 0 where it has no box."""
        there = self._there(labels)
        counts = there.sum(axis=0)
        order = np.where(there > 0, counts, counts.max(initial=0) + 1)
        rarest = np.where(there.any(axis=1), order.argmin(axis=1) + 1, 0) if self.names else np.zeros(len(labels))
        return np.unique(rarest, return_inverse=True)[1]

    def counts(self, labels: Labels) -> dict[str, int]:
        """How many boxes there are of each class."""
        return dict(zip(self.names, self._there(labels).sum(axis=0).tolist(), strict=True))

    def _there(self, labels: Labels) -> NDArray[np.int64]:
        """How many boxes of each class each picture has ``(n, classes)``."""
        counts = (np.bincount(label[:, 0].astype(int), minlength=len(self.names)) for label in labels)
        return np.array(list(counts), np.int64).reshape(len(labels), -1)

    def check_learnable(self, labels: Labels, where: str) -> None:
        if len(labels) < 2 or not self._there(labels).any():
            found = "no box at all" if len(labels) > 1 else f"{len(labels)} picture{'s' * (not len(labels))}"
            raise DataError(f"a detector needs pictures, and boxes in some of them; {where} holds {found}.")

    # Scores ---------------------------------------------------------------------------------------------------------

    def predict(self, outputs: Array) -> Labels:
        """The boxes that are surer than ``SURE``; none of a picture without an answer."""
        none = unanswered(outputs)
        return ragged(np.empty((0, 5)) if none[i] else _sure(each)[:, :5] for i, each in enumerate(outputs))

    def constant(self, labels: Labels) -> Array:
        """No box."""
        return np.empty((0, 6))

    def alike(self, learned: Labels, labels: Labels) -> Array:
        outputs: Array = ragged(np.empty((0, 6)) for _ in labels)
        return outputs

    def losses(self, scores: Array, labels: Labels) -> Array:
        """How many boxes of a picture are missed or wrong; what is minimised: ``objectives/detection/box_loss.py``."""
        return self.missed(labels, scores)

    def torch_losses(self, scores: Tensor, labels: Tensor) -> Tensor:
        raise NotImplementedError("what a detector minimises is a loss over places: objectives/detection/box_loss.py")

    def merit(self, labels: Labels, outputs: Array, weights: NDArray[Any] | None = None) -> float:
        times = np.ones(len(labels)) if weights is None else np.asarray(weights)
        return float(box_statistics(matches(labels, outputs, self.width))(times[None])["ap50"][0])

    def missed(self, labels: Labels, outputs: Array) -> Array:
        wrong = np.zeros(len(labels))
        for i, (label, output) in enumerate(zip(labels, outputs, strict=True)):
            kinds, found = mistakes(label, _sure(output))
            wrong[i] = sum(kind != "right" for kind in kinds) + (~found).sum()
        return wrong

    # Measuring ------------------------------------------------------------------------------------------------------

    def evaluate(
        self,
        labels: Labels,
        outputs: Array,
        *,
        seed: int,
        groups: NDArray[Any] | None = None,
        before: Array | None = None,
    ) -> BoxEvaluation:
        """Average precision and recall, also of each class, and what the answered boxes are; pictures are resampled."""
        del before  # scores order boxes, and calibration keeps the order
        counted, kinds = self._answered(labels, outputs)
        boxes = box_statistics(matches(labels, outputs, self.width))

        def statistics(times: Array) -> dict[str, Array]:
            right, said, there = (times @ counted).T
            shares = {"box_precision": _share(right, said), "box_recall": _share(right, there)}
            return boxes(times) | shares

        once = {name: value[0] for name, value in statistics(np.ones((1, len(labels)))).items()}
        samples = bootstrap(statistics, len(labels), seed=seed, resamples=1000, groups=groups)
        classes = np.arange(len(self.names))
        there, said = (
            np.array([np.isin(classes, boxes[:, 0]) for boxes in each])
            for each in (labels, [_sure(output) for output in outputs])
        )
        rests = Rests(there, said, groups)
        rows = []
        for k, name in enumerate(self.names):
            row: dict[str, Any] = {"class": name}
            for figure, short in PER_CLASS.items():
                row[short] = (
                    None
                    if np.isnan(once[figure][k])
                    else rests.interval(short, once[figure][k], samples[figure][:, k], k)
                )
            rows.append(row | {"support": int(sum((label[:, 0] == k).sum() for label in labels))})
        metrics = {
            name: None if np.isnan(value) else rests.interval(name, value, samples[name])
            for name, value in once.items()
            if name not in PER_CLASS
        }
        return BoxEvaluation(
            metrics=metrics,
            examples=len(labels),
            headline=self.headline,
            reasons={name: NO_BOX for name, found in metrics.items() if found is None},
            per_output=[row for row in rows if row["support"]],
            mistakes=kinds,
        )

    def _answered(self, labels: Labels, outputs: Array) -> tuple[Array, dict[str, int]]:
        """The boxes of each picture that are right, answered and there ``(n, 3)``; and how many are of each kind."""
        kinds: Counter[str] = Counter(dict.fromkeys((*KINDS, "missed"), 0))
        counted = np.zeros((len(labels), 3))
        for i, (label, output) in enumerate(zip(labels, outputs, strict=True)):
            said, found = mistakes(label, _sure(output))
            kinds.update(said)
            kinds["missed"] += int((~found).sum())
            counted[i] = said.count("right"), len(said), len(label)
        return counted, dict(kinds)

    def compare(
        self, labels: Labels, ours: Array, theirs: Array, *, seed: int, groups: NDArray[Any] | None = None
    ) -> Interval:
        """The difference in AP50, each picture resampled with both models' answers."""
        a, b = (box_statistics(matches(labels, outputs, self.width)) for outputs in (ours, theirs))
        return gain_interval(a, b, "ap50", len(labels), seed=seed, groups=groups)


def _sure(outputs: Array) -> Array:
    sure: Array = outputs[outputs[:, 5] >= SURE]
    return sure


def _share(part: Array, whole: Array) -> Array:
    share: Array = part / np.maximum(whole, 1e-12)
    return np.where(whole > 0, share, 0.0)
