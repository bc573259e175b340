"""Two processes of one thread against one process of two threads: the same fine-tuning, in adjacent pairs.

python benchmarks/processes.py [--pairs 4] [--images 128] [--side 128] [--epochs 2] [--wait passive] [--fsdp]

``finetune`` with its defaults on ``hymenoptera``, all of EfficientNet-Lite0, at the same global batch of 32; a fifth as
many images more are held out and looked at after each epoch. Speed is that of the steps and looks after the first step.
How far apart the results are: held-out log-loss, and the largest difference of head weights over the largest way that
one of them moved. ``--fsdp`` splits the backbone over the two processes.

Threads wait for each other without spinning (``OMP_WAIT_POLICY=passive``) on both sides, and pairs take turns in who
goes first. OpenMP's default spins: where other programs want the cores, as on the machine of the recorded run, one
process of two threads then took 58 to 61 s instead of 8 to 10, and two processes of one thread each, which wait for
nobody within a layer, looked 8.9 times faster (three pairs). That says nothing of this library.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from record import DATA, record


def child(out: Path, args: argparse.Namespace) -> None:
    """Train, alone or as one of two; the first process writes what it found."""
    from transferium.data.read import read
    from transferium.embedding.shards import ShardedEmbedder
    from transferium.methods.finetuning.finetune import FineTune
    from transferium.methods.task import Task
    from transferium.models.catalogue import find_backbone
    from transferium.system.allocator import keep_large_blocks
    from transferium.system.processes import everyone, leave
    from transferium.training.distributed.machine import Machine, seed_everything
    from transferium.training.loop.episode import Episode, train

    keep_large_blocks()
    everyone(None)
    machine = Machine("no")
    domain = read(args.data / "hymenoptera").part("train")
    drawn = np.random.default_rng(0).permutation(len(domain))[: args.images * 6 // 5]
    train_part, held = (domain.take(np.sort(d)) for d in (drawn[: args.images], drawn[args.images :]))
    backbone = find_backbone("efficientnet_lite0", "image", size=args.side)
    task = Task(train_part, held, backbone, ShardedEmbedder(None), 0)
    seed_everything(0, 0, 0)
    stage = next(FineTune(epochs=args.epochs, precision="no").stages(task))
    seed_everything(0, 0, machine.rank)
    start, looks, times = stage.model.head.linear.weight.detach().clone(), [], []
    episode = Episode(stage, machine)
    records = train(episode)
    for wrapper in stage.around:
        records = wrapper.wrap(records, episode)
    for found in records:
        times.append(time.perf_counter())
        looks += [found["val_log_loss"]] if "val_log_loss" in found else []
        end = stage.model.head.linear.weight.detach().clone()
    if machine.is_main:
        told = {"seconds": times[-1] - times[0], "log_loss": looks, "start": start.tolist(), "end": end.tolist()}
        out.write_text(json.dumps(told))
    leave()


def measured(processes: int, args: argparse.Namespace) -> dict[str, Any]:
    """One run in processes of its own, with two threads in all."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"] if processes == 2 else []
    env = os.environ | {"OMP_NUM_THREADS": str(2 // processes)}
    env |= {} if args.wait == "default" else {"OMP_WAIT_POLICY": args.wait}
    env |= {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2"} if args.fsdp and processes == 2 else {}
    same = ["--images", args.images, "--side", args.side, "--epochs", args.epochs, "--data", args.data]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "told.json"
        begin = time.perf_counter()
        command = [sys.executable, *launcher, __file__, "--only", str(out), *map(str, same)]
        subprocess.run(command, check=True, capture_output=True, env=env)
        found: dict[str, Any] = json.loads(out.read_text())
    return found | {"whole": time.perf_counter() - begin}


def pair(args: argparse.Namespace, order: tuple[int, int]) -> tuple[dict[str, Any], dict[str, Any]]:
    """One process and two, one after the other in this order."""
    found = {processes: measured(processes, args) for processes in order}
    return found[1], found[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=4)
    parser.add_argument("--images", type=int, default=128)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--wait", choices=("passive", "active", "default"), default="passive")
    parser.add_argument("--fsdp", action="store_true")
    parser.add_argument("--only", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, default=DATA)
    args = parser.parse_args()
    if args.only:
        child(args.only, args)
        return
    before = os.getloadavg()[0]
    pairs = [pair(args, (1, 2) if i % 2 == 0 else (2, 1)) for i in range(args.pairs)]
    ratios = [a["seconds"] / b["seconds"] for a, b in pairs]
    one, two = pairs[0]
    start, ends = np.array(one["start"]), [np.array(run["end"]) for run in (one, two)]
    figures = {
        "seconds_one_two": [[round(run["seconds"], 2) for run in pair] for pair in pairs],
        "times_faster": {"median": round(statistics.median(ratios), 2), "each": [round(r, 2) for r in ratios]},
        "seconds_with_start_one_two": [[round(run["whole"], 1) for run in pair] for pair in pairs],
        "held_out_log_loss_one_two": [run["log_loss"] for run in pairs[0]],
        "head_weights_apart_over_moved": float(np.abs(ends[1] - ends[0]).max() / np.abs(ends[0] - start).max()),
        "load_before_and_after": [round(load, 1) for load in (before, os.getloadavg()[0])],
    }
    job = {name: getattr(args, name) for name in ("images", "side", "epochs", "wait", "fsdp")}
    record("processes", job | figures)


if __name__ == "__main__":
    main()
