"""Runs that can be killed: ``python interrupted.py NAME FOLDER`` trains one, slowly, and prints each step.

Every row is a generator of stages over a toy world, together holding everything that a checkpoint must hold.
"""

from __future__ import annotations

import copy
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from torch import nn

from toy_world import PICTURE, blobs, picture_backbone, pictures, row_model  # needs the path above
from transferium.models.model import Model
from transferium.objectives.l2sp import L2SP
from transferium.objectives.supervised import Supervised
from transferium.training.best import KeepBest, held_out_score
from transferium.training.checkpoint import Checkpoints
from transferium.training.feed import Feeds
from transferium.training.freeze import freeze
from transferium.training.groups import layered_groups, plain_groups
from transferium.training.objective import Objective
from transferium.training.optimiser import Optimiser
from transferium.training.run import run
from transferium.training.schedule import Schedule
from transferium.training.stage import Player, Stage


class Memory(Objective):
    """Owns a parameter and a buffer that follows the model, and draws random numbers."""

    needs = frozenset({"source"})

    def __init__(self, width):
        super().__init__()
        self.judge = nn.Linear(width, width)
        self.register_buffer("centre", torch.zeros(width))

    def forward(self, view):
        features = view.features("source")
        self.latest = features.detach().mean(0)
        noise = 0.1 * torch.randn_like(features)
        return {"memory": (self.judge(features + noise) - self.centre).square().mean()}

    def after_step(self, model):
        self.centre.lerp_(self.latest, 0.1)


def augmented_images():
    """Batch norm, dropout, channels-last convolutions, augmentation, layer-wise rates, the best epoch kept."""
    model = Model(picture_backbone().build(), nn.Linear(5, 2))
    best = KeepBest(held_out_score(pictures(20, 9)), by="log_loss")
    groups = (*layered_groups(model.backbone, ("stem", "body", "top"), lr=0.01, decay=0.5, weight_decay=0.1),
              *plain_groups(model.head.parameters(), 0.05))  # fmt: skip
    yield Stage(model, {"target": pictures(40)}, Supervised(smoothing=0.1), groups=groups, epochs=6, batch_size=8,
                feeds=Feeds(PICTURE, "simple"), around=[best], schedule=Schedule(warmup=0.2))  # fmt: skip
    return model


def partly_frozen():
    """SGD with momentum, a frozen part, passes that share a step, patience."""
    model = Model(picture_backbone().build(), nn.Sequential(nn.Dropout(0.3), nn.Linear(5, 2)))
    freeze(model.backbone, ("stem", "body", "top"), 2)
    best = KeepBest(held_out_score(pictures(20, 9)), by="accuracy", lowest=False, start=True, patience=4)
    yield Stage(model, {"target": pictures(40)}, Supervised(), feeds=Feeds(PICTURE, "simple"), epochs=8, batch_size=8,
                accumulate=2, lr=0.1, optimiser=Optimiser("sgd", nesterov=True), around=[best])  # fmt: skip
    return model


def two_streams():
    """An objective with a parameter, a buffer and random numbers of its own, over two streams."""
    model = row_model(batch_norm=True, dropout=0.3)
    objective = Supervised("target") + 0.3 * Memory(16)
    yield Stage(model, {"target": blobs(50), "source": blobs(33, 1)}, objective, steps=30, batch_size=8, joint=True)
    return model


def two_stages():
    """Probe, then everything, held near where the probe left it; what is made between stages is random too."""
    model = row_model(dropout=0.2)
    head = plain_groups(model.head.parameters(), 0.1)
    yield Stage(model, {"target": blobs(40)}, Supervised(), groups=head, epochs=3, batch_size=8, name="probe")
    with torch.no_grad():
        model.head.weight.add_(0.01 * torch.randn(2, 16))
    objective = Supervised() + 0.1 * L2SP(copy.copy(model))
    yield Stage(model, {"target": blobs(40)}, objective, epochs=4, batch_size=8, name="all")
    return model


def two_players():
    """Two optimisers that pull against each other."""
    model, judge = row_model(batch_norm=True), Memory(16)
    players = [
        Player(Supervised(), plain_groups(model.parameters(), 0.01)),
        Player(judge, plain_groups([*judge.parameters(), *model.backbone.parameters()], 0.02), turns=2),
    ]
    yield Stage(model, {"target": blobs(40), "source": blobs(40, 1)}, players=players, steps=30, batch_size=8)
    return model


ROWS = {f.__name__: f for f in (augmented_images, partly_frozen, two_streams, two_stages, two_players)}


def train(name, folder=None, pause=0.0):
    """The trained model and its history; slowly, saying each step, where a pause is given."""
    torch.manual_seed(0)
    torch.set_num_threads(1)

    def tell(_stage, done, total):
        if pause:
            print(done, total, flush=True)
            time.sleep(pause)

    checkpoints = None if folder is None else Checkpoints(Path(folder), every_steps=1)
    return run(ROWS[name](), seed=1, checkpoints=checkpoints, progress=tell)


if __name__ == "__main__":
    train(sys.argv[1], sys.argv[2], pause=0.01)
