"""One training run, alone or as one of several: ``torchrun --nproc-per-node 2 data_parallel.py FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where the small worlds are

from transferium.objectives.supervised import Supervised
from transferium.objectives.weight_distance import L2SP
from transferium.training.distributed.machine import Machine
from transferium.training.loop.stage import Stage
from transferium.training.resume.checkpoint import Checkpoints
from transferium.training.run import run
from transferium.training.wrappers.keep_best import KeepBest, held_out_score
from transferium.training.wrappers.soup import Soup
from transferium.training.wrappers.weight_average import EMA
from worlds.toy import blobs, row_model


def stages():
    """The last batch of an epoch has one row (so one process has none), then three (so one has a pass less)."""
    model = row_model()
    torch.nn.init.normal_(model.head.weight, std=0.1)  # drawn like a new head, not seeded here
    objective = Supervised(smoothing=0.1, class_weights=np.array([0.7, 1.4])) + 0.05 * L2SP(model)
    score = held_out_score(blobs(21, 4))
    for rows, sampling, best in (
        (41, "shuffled", KeepBest(score, by="log_loss")),
        (43, "shuffled", KeepBest(score, by="log_loss", average=EMA(0.8))),
        (41, "balanced", Soup(score, by="log_loss")),
    ):
        yield Stage(
            model,
            {"target": blobs(rows)},
            objective,
            epochs=3,
            batch_size=8,
            lr=0.03,
            clip=0.5,
            accumulate=2,
            sampling=sampling,
            around=[best] if best.average is None else [best.average, best],
        )
    return model


def train(folder=None):
    """The weights, the history and the held-out scores."""
    torch.set_num_threads(1)
    machine = Machine()
    checkpoints = None if folder is None else Checkpoints(Path(folder) / "state", every_steps=5)
    return run(stages(), machine=machine, checkpoints=checkpoints), machine


if __name__ == "__main__":
    outcome, machine = train(sys.argv[1])
    state = {"weights": outcome.result.state_dict(), "history": outcome.history, "world": machine.world}
    torch.save(state, Path(sys.argv[1]) / f"rank{machine.rank}.pt")
    torch.distributed.destroy_process_group()
