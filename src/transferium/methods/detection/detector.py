"""A detector behind a frozen backbone: boxes around things, learned from features that were embedded once."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.errors import DataError, InputError
from transferium.functional.boxes.box_mistakes import mistakes
from transferium.functional.boxes.views import boxes_seen, windows
from transferium.methods.fitted import Fitted
from transferium.methods.holdout import hold_out
from transferium.methods.method import Method
from transferium.methods.settings.field import setting
from transferium.methods.staged import run_stages
from transferium.methods.task import Task
from transferium.models.detection.seeing_places import view
from transferium.models.heads.detection import DetectionHead
from transferium.problems.boxes import Boxes
from transferium.selection.selection import Selection

if TYPE_CHECKING:
    from transferium.models.detection.detection_network import DetectionNetwork
    from transferium.training.loop.stage import Stage


@dataclass
class Detector(Method):
    """Boxes around things in pictures, by a small head behind the frozen backbone.

    The backbone sees each picture once in each of a few views.
    ``min Σ focal(class) + Σ (1 - GIoU) + Σ BCE(central)`` over the places of the feature maps at strides 16 and 32
    (FCOS behind a feature pyramid; Tian et al. 2019). The backbone's maps of all ``views`` (the picture, its mirror
    image, parts of it) are kept, so that an epoch costs the head alone. Scores are calibrated on pictures that are
    held out: 0.5 is where a box is as likely right as wrong. Prefer a detector that is trained whole, with another
    library, where things are smaller than about a twentieth of the picture's side, or thousands of pictures have boxes.
    """

    name: ClassVar[str] = "detector"
    problems: ClassVar[tuple[str, ...]] = (Boxes.kind,)
    searched: ClassVar[tuple[str, ...]] = ("lr", "epochs", "width")

    epochs: int = setting(20, "passes over the training pictures, each time in some view", (5, 100), {"least": 1})
    views: int = setting(
        6, "views of each picture that are embedded: 1 is as it is, 2 its mirror image too", (1, 16), {"least": 1}
    )
    batch_size: int = setting(16, "pictures per step, over all processes", (4, 64), {"least": 1})
    lr: float = setting(1e-3, "learning rate of the head", (1e-4, 1e-2), {"above": 0})
    weight_decay: float = setting(0.01, "pull towards zero; biases and norms are left out", (0.0, 0.3))
    width: int = setting(64, "channels of the head, a multiple of 16", (32, 256), {"least": 16})
    depth: int = setting(2, "convolutions of each of the two towers of the head", (1, 4), {"least": 1})
    val_share: float = setting(
        0.15, "share of train held out to calibrate scores", (0.05, 0.3), {"above": 0, "below": 1}
    )

    def check(self) -> None:
        """Raise ``InputError`` for a width that cannot be cut into groups."""
        if self.width % 16:
            raise InputError(f"width={self.width} is no multiple of 16: give 64 or 96, say.")

    @property
    def trains(self) -> bool:
        return True

    def fit(self, task: Task) -> Fitted:
        """Embed the views, train the head (from the last checkpoint, if there is one), and calibrate its scores."""
        task.problem.check_learnable(task.train.y, f"the training part of {task.train.name!r}")
        parts = hold_out(task, self.val_share)
        begun = time.perf_counter()
        rows, labels = self._seen(task, parts.train)
        embedded = time.perf_counter()
        outcome, _, start = run_stages(self, task, self.stages(task, rows, labels))
        trained = time.perf_counter()
        tensors = {name: tensor.detach().cpu().numpy() for name, tensor in outcome.result.state_dict().items()}
        head, note = calibrated(DetectionHead(tensors), task.embed(parts.held).features, parts.held.y)
        seconds = {"embed": embedded - begun, "train": trained - start, "calibrate": time.perf_counter() - trained}
        return Fitted(
            method=self.name,
            backbone=task.backbone,
            head=head,
            selection=Selection("no comparison", parts.data, [self.get_params()], {"epochs": self.epochs}, (note,)),
            history=outcome.history,
            seconds=seconds,
        )

    def _seen(self, task: Task, train: Domain) -> tuple[NDArray[np.float16], list[NDArray[np.float64]]]:
        """The features of every picture in every view ``(views · n, places, width)``, and the boxes in them."""
        taken = windows(self.views, task.seed)
        backbones = [view(task.backbone, window, mirrored=mirrored) for window, mirrored in taken]
        rows: Any = None
        for k, seen in enumerate(task.embedder(train, *backbones)):
            if not seen.ok.all():
                raise DataError(f"{int((~seen.ok).sum())} pictures of {train.name!r} cannot be read: leave them out.")
            if rows is None:
                rows = np.empty((len(backbones), len(train), *seen.features[0].shape), np.float16)
            for i, one in enumerate(seen.features):
                rows[k, i] = one
        labels = [boxes_seen(label, window, mirrored=mirrored) for window, mirrored in taken for label in train.y]
        return rows.reshape(-1, *rows.shape[2:]), labels

    def stages(
        self, task: Task, rows: NDArray[np.float16], labels: list[NDArray[np.float64]]
    ) -> Generator[Stage, None, DetectionNetwork]:
        """One stage over all views, and the head that it leaves."""
        import torch
        from torch import nn

        from transferium.models.detection.detection_network import DetectionNetwork
        from transferium.models.model import Model
        from transferium.objectives.detection.box_loss import BoxLoss
        from transferium.training.feeds.feeds import Feeds
        from transferium.training.loop.param_groups import plain_groups
        from transferium.training.loop.schedule import Schedule
        from transferium.training.loop.stage import Stage

        coarse, fine = task.backbone.build().channels  # type: ignore[misc]  # of OverLevels
        classes, side = task.problem.width, round(rows.shape[1] ** 0.5)
        head = DetectionNetwork(coarse, fine, classes, self.width, self.depth)
        head.look(torch.from_numpy(rows[:: max(1, len(rows) // 512)]))
        n = len(rows) // self.views
        size = min(self.batch_size, n)
        yield Stage(
            model=Model(nn.Identity(), head),
            streams={"target": task.train.take(np.zeros(len(rows), np.intp)).unlabeled().embedded(rows)},
            objective=BoxLoss(labels, side, classes),
            groups=plain_groups(head.parameters(), self.lr, self.weight_decay, "head"),
            feeds=Feeds(),
            name="train",
            steps=self.epochs * -(-n // size),
            batch_size=size,
            schedule=Schedule("cosine", 0.05),
            seed=task.seed,
            about={
                "backbone": task.backbone.fingerprint,
                "preprocessing": "" if task.backbone.preprocess is None else task.backbone.preprocess.fingerprint(),
                "method": self.to_json(),
            },
        )
        return head


def calibrated(head: DetectionHead, features: NDArray[Any], labels: NDArray[Any]) -> tuple[DetectionHead, str]:
    """The head with scores that say how likely a box is right, and how that was learned; the order of boxes stays.

    ``p = sigmoid((logit(s) + shift) / temperature)`` (Platt 1999) over the boxes that the head finds in pictures it did
    not learn from, of which those that :func:`mistakes` calls right are right.
    """
    scores, right = [], []
    for found, label in zip(head.outputs(features), labels, strict=True):
        scores.append(found[:, 5])
        right.append(np.array([kind == "right" for kind in mistakes(label, found)[0]], np.float64))
    logit, true = np.concatenate(scores), np.concatenate(right)
    logit = np.log(logit) - np.log1p(-np.minimum(logit, 1 - 1e-12))
    if not 0 < true.sum() < len(true):
        return head, "scores are as the head gives them: among held-out boxes there were not both right and wrong ones"
    slope, shift = _platt(logit, true)
    if slope <= 0.05:
        return head, "scores are as the head gives them: surer boxes were not more often right on held-out pictures"
    note = f"scores calibrated on {len(labels)} held-out pictures ({int(true.sum())} right of {len(true)} boxes found)"
    return replace(head, shift=shift / slope, temperature=1 / slope), note


def _platt(logit: NDArray[np.float64], true: NDArray[np.float64]) -> tuple[float, float]:
    """Slope and shift of a logistic regression, by Newton's method, with targets that allow for few examples.

    A step is halved until the loss falls: where scores differ little, the slope is steep, and whole steps lead astray.
    """
    few = (true.sum() + 1) / (true.sum() + 2), 1 / (len(true) - true.sum() + 2)
    target = np.where(true > 0, *few)
    X, weights = np.column_stack([logit, np.ones(len(logit))]), np.array([1.0, 0.0])

    def loss(at: NDArray[np.float64]) -> float:
        scores = X @ at
        return float((np.logaddexp(0, scores) - target * scores).sum() + 5e-4 * np.square(at - [1, 0]).sum())

    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(X @ weights, -30, 30)))
        gradient = X.T @ (p - target) + 1e-3 * (weights - [1, 0])
        curve = (X * (p * (1 - p))[:, None]).T @ X + 1e-3 * np.eye(2)
        step = np.linalg.solve(curve, gradient)
        while np.abs(step).max() >= 1e-8 and loss(weights - step) > loss(weights):
            step = step / 2
        weights = weights - step
        if np.abs(step).max() < 1e-8:
            break
    return float(weights[0]), float(weights[1])
