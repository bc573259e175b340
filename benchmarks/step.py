"""One full fine-tuning step on a CPU, batch 32 at 224, against plain eager PyTorch with its defaults, in pairs.

python benchmarks/step.py [--pairs 3] [--steps 5]

Both train all of EfficientNet-Lite0 and a new linear layer with Adam on the same batches from the same weights, batch
normalisation by the statistics of each batch; their losses are compared step by step. ``plain`` is the usual loop:
no memory layout, no allocator setting. Each measurement is a process of its own; the first two steps are not counted.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from record import DATA, record

BATCH, WARM, RATE = 32, 2, 1e-4


def parts(data: Path) -> tuple[Any, Any, Any]:
    """64 photographs, the backbone, and a model whose head is drawn with a fixed seed."""
    import torch

    from transferium.data.read import read
    from transferium.models.catalogue import find_backbone
    from transferium.models.model import Model

    domain = read(data / "hymenoptera").part("train")
    photographs = np.flatnonzero([not name.endswith(".gif") for name in domain.ids])
    some = domain.take(np.sort(np.random.default_rng(0).permutation(photographs)[: 2 * BATCH]))
    backbone = find_backbone("efficientnet_lite0", "image")
    torch.manual_seed(0)
    head = torch.nn.Linear(backbone.width, 2)
    return some, backbone, Model(backbone.build(), head)


def plain(data: Path, steps: int) -> dict[str, list[float]]:
    """The loop of the tutorials."""
    import torch

    from transferium.training.feeds.feeds import Feeds
    from transferium.training.feeds.order import Order

    domain, backbone, model = parts(data)
    feed, order = Feeds(backbone.preprocess).open(domain, augmented=False), Order(len(domain), BATCH, 0)
    batches = [feed.batch(0, order.at(i)[1]) for i in range(2)]
    optimiser = torch.optim.Adam(model.parameters(), lr=RATE)
    model.train()
    seconds, losses = [], []
    for i in range(WARM + steps):
        batch = batches[i % 2] if i < 2 else feed.batch(0, order.at(i)[1])
        images, labels = batch.inputs[0].contiguous(), batch.labels
        begin = time.perf_counter()
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimiser.step()
        seconds.append(time.perf_counter() - begin)
        losses.append(loss.item())
    return {"seconds": seconds[WARM:], "losses": losses}


def ours(data: Path, steps: int) -> dict[str, list[float]]:
    """The training loop of the library; a step's time includes making its batch."""
    from transferium.system.allocator import keep_large_blocks

    keep_large_blocks()
    from transferium.objectives.supervised import Supervised
    from transferium.training.distributed.machine import Machine
    from transferium.training.feeds.feeds import Feeds
    from transferium.training.loop.episode import Episode, train
    from transferium.training.loop.optimiser import Optimiser
    from transferium.training.loop.schedule import Schedule
    from transferium.training.loop.stage import Stage

    domain, backbone, model = parts(data)
    stage = Stage(
        model,
        {"target": domain},
        Supervised(),
        feeds=Feeds(backbone.preprocess),
        steps=WARM + steps,
        batch_size=BATCH,
        lr=RATE,
        clip=None,
        optimiser=Optimiser("adam"),
        schedule=Schedule("constant"),
    )
    episode = Episode(stage, Machine("no"))
    seconds, losses, begin = [], [], time.perf_counter()
    for taken in train(episode):
        losses.append(float(taken["task"]))
        seconds.append(time.perf_counter() - begin)
        begin = time.perf_counter()
    return {"seconds": seconds[WARM:], "losses": losses}


def measured(which: str, data: Path, steps: int) -> dict[str, list[float]]:
    """One of the two in a process of its own."""
    command = [sys.executable, __file__, "--only", which, "--data", str(data), "--steps", str(steps)]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[str, list[float]] = json.loads(told.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--only", choices=("plain", "ours"), help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, default=DATA)
    args = parser.parse_args()
    if args.only:
        print(json.dumps({"plain": plain, "ours": ours}[args.only](args.data, args.steps)))
        return
    pairs = [[measured(which, args.data, args.steps) for which in ("plain", "ours")] for _ in range(args.pairs)]
    medians = [[statistics.median(run["seconds"]) for run in pair] for pair in pairs]
    gaps = [abs(a - b) / a for pair in pairs for a, b in zip(pair[0]["losses"], pair[1]["losses"], strict=True)]
    record(
        "step",
        {
            "step_seconds_plain_ours": [[round(s, 3) for s in pair] for pair in medians],
            "times_faster": round(statistics.median(a / b for a, b in medians), 2),
            "losses_plain_ours": [[round(v, 5) for v in run["losses"]] for run in pairs[0]],
            "largest_relative_gap_of_losses": float(f"{max(gaps):.2g}"),
        },
    )


if __name__ == "__main__":
    main()
