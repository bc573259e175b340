"""Seconds of an epoch with a cached prefix and without, in adjacent pairs, and how far apart the results are.

python benchmarks/cached_prefix.py [--images 120] [--epochs 3] [--unfreeze 3,5]

``efficientnet_lite0`` at 224 on ``hymenoptera``, without augmentation. Two trainings that differ in ``cache`` alone
take turns, an epoch each, so that whatever else the machine does meets both; an epoch is its steps and the look at the
held-out examples. Of its eleven blocks, ``unfreeze=3`` freezes eight, which hold 70 % of the weights (the first cut
that freezes half of them or more); ``unfreeze=5`` freezes six, which hold 8 %.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from record import DATA, record
from transferium.data.domain import Domain
from transferium.data.read import read
from transferium.embedding.embed import Embedder
from transferium.embedding.store.store import FeatureStore
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.task import Task
from transferium.models.catalogue import find_backbone
from transferium.models.surgery.cut import whole_of
from transferium.system.allocator import keep_large_blocks
from transferium.training.distributed.machine import Machine, seed_everything
from transferium.training.feeds.activations import CachedFeeds
from transferium.training.loop.episode import Episode, train


class Training:
    """One fine-tuning that is asked for an epoch at a time; ``ready`` is what it took to be able to begin."""

    def __init__(self, method: FineTune, task: Task) -> None:
        begin = time.perf_counter()
        seed_everything(0, 0, 0)
        stage = next(method.stages(task))
        self.episode = Episode(stage, Machine("no"))
        records = train(self.episode)
        for wrapper in stage.around:
            records = wrapper.wrap(records, self.episode)
        self.records = records
        self.looks: list[float] = []
        for part in (stage.streams["target"], task.val):
            assert part is not None
            stage.feeds.open(part, augmented=False)
        self.ready = time.perf_counter() - begin

    def epoch(self) -> float:
        """Seconds of the next epoch."""
        begin = time.perf_counter()
        for found in self.records:
            if "val_log_loss" in found:
                self.looks.append(found["val_log_loss"])
                break
        return time.perf_counter() - begin

    def weights(self) -> dict[str, torch.Tensor]:
        """Every weight of backbone and head as they are now."""
        model = self.episode.stage.model
        body, head = whole_of(model.backbone).state_dict(), model.head.state_dict()
        found = {f"backbone.{n}": t for n, t in body.items()} | {f"head.{n}": t for n, t in head.items()}
        return {name: tensor.detach().double().clone() for name, tensor in found.items()}


def distance(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    return float(sum(((a[name] - b[name]) ** 2).sum() for name in a) ** 0.5)


def compare(task: Task, unfreeze: int, epochs: int, precision: str) -> dict[str, Any]:
    """Both trainings in turns; the first epoch of each is not counted."""
    common: dict[str, Any] = {"unfreeze": unfreeze, "epochs": epochs, "augment": "none", "precision": "no"}
    plain = Training(FineTune(cache="off", **common), task)
    start = plain.weights()
    cached = Training(FineTune(cache="on", cache_precision=precision, **common), task)
    pairs = [(plain.epoch(), cached.epoch()) for _ in range(epochs)]
    moved, apart = distance(start, plain.weights()), distance(plain.weights(), cached.weights())
    feeds = cached.episode.stage.feeds
    assert isinstance(feeds, CachedFeeds)
    frozen = sum(p.numel() for part in feeds.cut.gone for p in part.parameters())
    weights = sum(p.numel() for p in feeds.cut.whole.parameters())
    ratios = [a / b for a, b in pairs[1:]]
    return {
        "frozen_blocks": f"{11 - unfreeze} of 11",
        "frozen_weights": round(frozen / weights, 3),
        "stored_bytes_an_image": int(np.prod(feeds.cut.shape)) * feeds.dtype.itemsize,
        "seconds_to_begin": {"plain": round(plain.ready, 2), "cached": round(cached.ready, 2)},
        "epoch_seconds": [[round(a, 2), round(b, 2)] for a, b in pairs],
        "times_faster": {"median": round(float(np.median(ratios)), 2), "each": [round(r, 2) for r in ratios]},
        "held_out_log_loss": {"plain": plain.looks, "cached": cached.looks},
        "weights_apart_over_weights_moved": apart / moved,
    }


def some(data: Path, images: int) -> Iterator[Domain]:
    """Training and held-out images, four to one, from the training part."""
    domain = read(data / "hymenoptera").part("train")
    drawn = np.random.default_rng(0).permutation(len(domain))[:images]
    yield domain.take(np.sort(drawn[: images * 4 // 5]))
    yield domain.take(np.sort(drawn[images * 4 // 5 :]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=120)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--unfreeze", default="3,5", help="numbers of last blocks that move, with commas between")
    parser.add_argument("--cache-precision", default="half", choices=("half", "full"))
    parser.add_argument("--data", type=Path, default=DATA)
    args = parser.parse_args()
    keep_large_blocks()
    kept, held = some(args.data, args.images)
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for unfreeze in map(int, args.unfreeze.split(",")):
            embedder = Embedder(FeatureStore(Path(folder) / str(unfreeze)))
            task = Task(kept, held, find_backbone("efficientnet_lite0", "image"), embedder, 0)
            task.embed(kept)  # what the head looks at is stored beforehand, for both alike
            found[f"unfreeze={unfreeze}"] = compare(task, unfreeze, args.epochs, args.cache_precision)
    record("cached_prefix", {"images": args.images, "side": 224, "cache_precision": args.cache_precision} | found)


if __name__ == "__main__":
    main()
