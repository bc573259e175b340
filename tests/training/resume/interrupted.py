"""Runs that can be killed: ``slowly(NAME, FOLDER, say)`` trains one in a process of its own, and says each step.

Every row is a generator of stages over a toy world, together holding everything that a checkpoint must hold.
"""

from __future__ import annotations

import copy
import multiprocessing
import os
import signal
import sys
import time
from functools import cache
from importlib import import_module
from multiprocessing import forkserver
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where the small worlds are

from torch import nn

from transferium.embedding.embed import Embedder
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.finetuning.gradual import GradualUnfreeze
from transferium.methods.finetuning.lp_ft import LPFT
from transferium.methods.finetuning.scratch import FromScratch
from transferium.methods.regularised.bi_tuning import BiTuning
from transferium.methods.regularised.delta import DELTA
from transferium.methods.task import Task
from transferium.objectives.supervised import Supervised
from transferium.objectives.weight_distance import L2SP
from transferium.training.loop.objective import Objective
from transferium.training.loop.param_groups import plain_groups
from transferium.training.loop.stage import Player, Stage
from transferium.training.resume.checkpoint import Checkpoints
from transferium.training.run import run
from worlds.toy import blobs, picture_backbone, pictures, row_model

for _late in ("accelerate", "torch._dynamo", "torchvision.transforms.v2", "transferium.training.feeds.images"):
    # What a first step imports; the server below then does so once for all.
    import_module(_late)


class Memory(Objective):
    """Owns a parameter and a buffer that follows the model, and draws random numbers."""

    needs = frozenset({"source"})

    def __init__(self, width):
        super().__init__()
        self.judge = nn.Linear(width, width)
        self.register_buffer("centre", torch.zeros(width))

    def forward(self, view):
        features = view.features("source")
        self.latest = features.detach().mean(0).float()
        noise = 0.1 * torch.randn_like(features)
        return {"memory": (self.judge(features + noise) - self.centre).square().mean()}

    def after_step(self, model):
        self.centre.lerp_(self.latest, 0.1)


def task():
    """Few pictures, some of them to stop by, and a small network with batch norm and dropout."""
    return Task(pictures(32), pictures(16, 9), picture_backbone(), Embedder(None, engine="torch"), seed=2)


def finetune():
    """Augmentation, layer-wise rates, the best epoch kept."""
    return FineTune(epochs=6, batch_size=8, lr=0.01, label_smoothing=0.1, batch_norm="batch").stages(task())


def finetune_part():
    """SGD with momentum, a frozen part, passes that share a step, patience."""
    method = FineTune(
        epochs=8, batch_size=8, unfreeze=2, optimiser="sgd", nesterov=True, lr=0.1, accumulate=2, patience=4
    )
    return method.stages(task())


def cached_prefix():
    """Stored views of a frozen part, computed again when the run is resumed: there is no store."""
    method = FineTune(
        epochs=6, batch_size=8, unfreeze=2, lr=0.01, batch_norm="batch", cache="on", views=4, average="ema"
    )
    return method.stages(task())


def scratch():
    """Random weights, drawn again when the run is resumed."""
    return FromScratch(epochs=6, batch_size=8, schedule="linear").stages(task())


def lpft():
    """A solver before the first stage, whose answer is the first candidate."""
    return LPFT(epochs=6, batch_size=8).stages(task())


def gradual():
    """A stage for each block, each from the best of the one before."""
    method = GradualUnfreeze(epochs=3, epochs_per_stage=2, batch_size=8, lr=0.01, batch_norm="batch", optimiser="adam")
    return method.stages(task())


def plateau():
    """A rate that falls when the held-out score does not."""
    method = FineTune(epochs=8, batch_size=8, lr=0.05, schedule="plateau", plateau_patience=1, batch_norm="batch")
    return method.stages(task())


def tested_rate():
    """Rates tested first, in a share of the planned steps, and the training at the one that was found."""
    return FineTune(epochs=6, batch_size=8, lr="auto", batch_norm="batch").stages(task())


def ema():
    """A moving average of weights, mixed pictures, and classes drawn alike."""
    method = FineTune(
        epochs=6, batch_size=8, lr=0.01, batch_norm="batch", average="ema", mixup=0.4, cutmix=1.0, sampling="balanced"
    )
    return method.stages(task())


def swa():
    """The mean of the last epochs, its batch-norm statistics taken anew, and classes weighted alike."""
    method = FineTune(epochs=6, batch_size=8, lr=0.01, batch_norm="batch", average="swa", class_weights="balanced")
    return method.stages(task())


def soup():
    """The best epochs, the start among them, kept to be averaged at the end."""
    return LPFT(epochs=6, batch_size=8, lr=0.01, batch_norm="batch", average="soup", soup_size=3).stages(task())


def delta():
    """A frozen teacher and channel weights, both made again before the first stage when the run is resumed."""
    return DELTA(epochs=6, batch_size=8, lr=0.01, batch_norm="batch", alpha=0.5, layers=2).stages(task())


def bi_tuning():
    """An encoder that trails the model, and a queue of what it saw."""
    method = BiTuning(epochs=6, batch_size=8, lr=0.01, batch_norm="batch", keys=6, key_momentum=0.9, projection=8)
    return method.stages(task())


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
        model.head.weight.add_(0.01 * torch.randn(2, 16).to(model.head.weight))
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


ROWS = {
    f.__name__: f
    for f in (
        *(finetune, finetune_part, cached_prefix, scratch, lpft, ema, swa, soup, delta, bi_tuning),
        *(gradual, plateau, tested_rate),
        *(two_streams, two_stages, two_players),
    )
}


def train(name, folder=None, pause=0.0, say=None, kept_by=Checkpoints):
    """The trained model and its history; slowly, saying each step, where a pause is given."""
    torch.manual_seed(0)
    torch.set_num_threads(1)

    def tell(_stage, done, total):
        if say is not None:
            say.send((done, total))
            time.sleep(pause)

    checkpoints = None if folder is None else kept_by(Path(folder), every_steps=1)
    outcome = run(ROWS[name](), seed=1, checkpoints=checkpoints, progress=tell)
    return getattr(outcome.result, "model", outcome.result), outcome.history


def slowly(name, folder, say):
    """Train row ``name``, sending (done, total) after each step."""
    # Tests that were started in the background ignore Ctrl-C, and their children with them.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    train(name, folder, pause=0.03, say=say)


@cache
def server():
    """Where processes come from: a server that has imported everything once and forks, instead of seconds for each."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    # The server finds this module by the environment; it is not told of ``sys.path`` before Python 3.13.
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).resolve().parents[2]), *filter(None, [before])])
    try:
        forkserver.ensure_running()
    finally:
        os.environ.pop("PYTHONPATH")
        os.environ.update({} if before is None else {"PYTHONPATH": before})
    return context


def started(name, folder, after):
    """A process that trains row ``name``, ``after`` steps in."""
    hear, say = server().Pipe(duplex=False)
    process = server().Process(target=slowly, args=(name, folder, say))
    process.start()
    say.close()
    for _ in range(after):
        hear.recv()
    process.hear = hear
    return process
