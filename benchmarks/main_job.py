"""Ants vs bees: what the main job reaches, and how long the whole process takes.

    python benchmarks/main_job.py            accuracy over 5 seeds, first, cold, warm, bound and tutorial loop

- ``accuracy``: ``transferium fit`` with seeds 0 to 4; everything is chosen on train, val is only evaluated on.
- ``first``: the whole process with an empty home, as on a fresh machine.
- ``cold``: the whole process with an empty feature store and everything else there.
- ``bound``: one pass that decodes and runs every image on the same engine, overlapped: what no job can beat.
- ``warm``: the same command again.
- ``tutorial``: a frozen trunk in eager torch, recomputed every epoch, train and val, 25 epochs, extrapolated from 2.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from record import DATA, record

PROGRAM = Path(sys.executable).parent / "transferium"


def fit(data: Path, home: Path, out: Path, seed: int) -> tuple[float, dict[str, Any]]:
    """One whole process: its seconds, and its metrics."""
    begin = time.perf_counter()
    command = [str(PROGRAM), "fit", str(data), "--out", str(out), "--seed", str(seed), "--method", "probe", "--json"]
    subprocess.run(command, check=True, capture_output=True, env=os.environ | {"TRANSFERIUM_HOME": str(home)})
    return time.perf_counter() - begin, json.loads((out / "metrics.json").read_text())


def first(data: Path, home: Path, out: Path) -> float:
    """Seconds of a job on a machine that has never run one."""
    shutil.rmtree(home, ignore_errors=True)
    return fit(data, home, out, 0)[0]


def cold(data: Path, home: Path, out: Path) -> float:
    """Seconds of a job that has everything but features."""
    shutil.rmtree(home / "features", ignore_errors=True)
    return fit(data, home, out, 0)[0]


def bound(data: Path, home: Path) -> float:
    """Seconds to decode and run every image once on ONNX Runtime, two threads, each decoding and computing."""
    code = f"""
import sys, time; sys.path.insert(0, {str(Path(__file__).parent)!r})
from main_job import one_pass
print(one_pass({str(data)!r}))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"TRANSFERIUM_HOME": str(home)},
    )
    return float(done.stdout.strip().splitlines()[-1])


def one_pass(data: str) -> float:
    """The overlapped pass itself, in this process; the session is opened before the clock starts."""
    from transferium.data.images.decode import decode
    from transferium.embedding.engines.engine import open_engine
    from transferium.models.catalogue import find_backbone

    backbone = find_backbone("efficientnet_lite0", "image")
    engine = open_engine(backbone, "onnx", list)
    files = sorted(Path(data).rglob("*.jpg"))

    def run(file: Path) -> None:
        image = decode(file.read_bytes(), backbone.preprocess.decode_at_least)
        engine.run(backbone.preprocess(image)[None])

    run(files[0])
    begin = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(run, files))
    return time.perf_counter() - begin


def tutorial(data: Path, epochs: int = 25, measured: int = 2) -> dict[str, float]:
    """The usual loop: frozen trunk, new linear layer, SGD 0.001 momentum 0.9, eager torch with its defaults."""
    import torch
    from torchvision import datasets, transforms

    from transferium.models.catalogue import find_backbone

    backbone = find_backbone("efficientnet_lite0", "image")
    trunk = backbone.build().requires_grad_(False)
    head = torch.nn.Linear(backbone.width, 2)
    normalise = [transforms.ToTensor(), transforms.Normalize(backbone.preprocess.mean, backbone.preprocess.std)]
    augment = transforms.Compose([transforms.RandomResizedCrop(224), transforms.RandomHorizontalFlip(), *normalise])
    plain = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224), *normalise])
    with tempfile.TemporaryDirectory() as clean:
        for file in data.rglob("*.jpg"):  # the tutorial stops at a file that is no image
            link = Path(clean) / file.relative_to(data)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(file)
        sets = {p: datasets.ImageFolder(f"{clean}/{p}", t) for p, t in (("train", augment), ("val", plain))}
        loaders = {p: torch.utils.data.DataLoader(s, 4, shuffle=True, num_workers=2) for p, s in sets.items()}
        optimiser = torch.optim.SGD(head.parameters(), lr=0.001, momentum=0.9)
        begin = time.perf_counter()
        for _ in range(measured):
            for part, loader in loaders.items():
                for x, y in loader:
                    with torch.no_grad():
                        features = trunk(x)
                    loss = torch.nn.functional.cross_entropy(head(features), y)
                    if part == "train":
                        optimiser.zero_grad()
                        loss.backward()
                        optimiser.step()
        seconds = time.perf_counter() - begin
    return {
        "epochs_measured": measured,
        "measured_s": round(seconds, 1),
        "extrapolated_s": round(seconds / measured * epochs, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA / "hymenoptera")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        home, out = Path(scratch) / "home", Path(scratch) / "run"
        runs = [fit(args.data, home, out, seed)[1] for seed in range(args.seeds)]
        # Pairs, so that a machine whose speed drifts drifts under both.
        firsts = [(first(args.data, home, out), cold(args.data, home, out)) for _ in range(args.repeats)]
        pairs = [(cold(args.data, home, out), bound(args.data, home)) for _ in range(args.repeats)]
        warm = [fit(args.data, home, out, 0)[0] for _ in range(args.repeats)]
        loop = tutorial(args.data)
    accuracy = [r["test"]["accuracy"]["value"] for r in runs]
    cold_s, bound_s = (statistics.median(column) for column in zip(*pairs, strict=True))
    record(
        "main_job",
        {
            "accuracy_by_seed": accuracy,
            "accuracy_mean": round(statistics.mean(accuracy), 4),
            "accuracy_interval_seed_0": runs[0]["test"]["accuracy"],
            "no_transfer_accuracy_by_seed": [r["references"]["no_transfer"]["accuracy"]["value"] for r in runs],
            "verdict_seed_0": runs[0]["verdict_sentence"],
            "first_s": round(statistics.median(f for f, _ in firsts), 2),
            "first_over_cold": round(statistics.median(f / c for f, c in firsts), 3),
            "cold_s": round(cold_s, 2),
            "bound_s": round(bound_s, 2),
            "cold_over_limit": round(statistics.median(c / (1.35 * b + 1.5) for c, b in pairs), 3),
            "warm_s": round(statistics.median(warm), 2),
            "tutorial": loop,
            "times_faster_than_tutorial": round(loop["extrapolated_s"] / cold_s, 1),
            "pairs_cold_bound_s": [[round(c, 2), round(b, 2)] for c, b in pairs],
        },
    )


if __name__ == "__main__":
    main()
