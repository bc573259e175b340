"""Embedding: throughput against eager torch, and memory that does not grow with the number of images.

    python benchmarks/embedding.py [--quick]      writes benchmarks/results/embedding.json

Every figure comes from a process of its own, so that one's allocator setting or memory does not touch another's.
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
from pathlib import Path

from record import record

PICTURES = """
import numpy as np
pictures = np.random.default_rng(0).standard_normal((32, 3, 224, 224)).astype(np.float32)
"""

EAGER = (
    PICTURES
    + """
import time, torch
from transferium.models.sources.bundled import bundled
module = bundled("efficientnet_lite0").build()
batch, rounds = torch.from_numpy(pictures), int(sys.argv[1])
with torch.inference_mode():
    module(batch)
    started = time.perf_counter()
    for _ in range(rounds):
        module(batch)
print(32 * rounds / (time.perf_counter() - started))
"""
)

OURS = (
    PICTURES
    + """
import time
from transferium.embedding.engines.engine import open_engine
from transferium.embedding.pipeline import Workers
from transferium.models.sources.bundled import bundled
from transferium.system.hardware import usable_cores
engine, rounds = open_engine(bundled("efficientnet_lite0"), "onnx", lambda: list(pictures[:4])), int(sys.argv[1])
work = lambda i: [engine.run(pictures[i : i + 1])]
list(Workers(range(32), work, usable_cores()))
started = time.perf_counter()
list(Workers([i for _ in range(rounds) for i in range(32)], work, usable_cores()))
print(32 * rounds / (time.perf_counter() - started))
"""
)

MEMORY = """
import resource
from pathlib import Path
from transferium.data.domain import Domain
from transferium.data.samples import Files
from transferium.embedding.embed import Embedder
from transferium.embedding.store.store import FeatureStore
from transferium.models.sources.bundled import bundled
folder, count = Path(sys.argv[1]), int(sys.argv[2])
names = sorted(p.name for p in folder.iterdir())[:count]
result = Embedder(FeatureStore())(Domain(Files(folder, names), "image", names), bundled("efficientnet_lite0"))[0]
assert result.computed == count, result.computed
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def measured(script: str, *arguments: object, home: Path) -> float:
    """The one number that a script prints, run in a fresh process with a store of its own."""
    environment = os.environ | {"TRANSFERIUM_HOME": str(home)}
    command = [sys.executable, "-c", "import sys\n" + script, *map(str, arguments)]
    return float(subprocess.check_output(command, env=environment, text=True))


def throughput(home: Path, rounds: int, repeats: int) -> dict[str, object]:
    """Images per second through the network alone, alternating so that a busy machine disturbs both alike."""
    measured(OURS, 1, home=home)  # exports the graph
    eager, ours = [], []
    for _ in range(repeats):
        eager.append(measured(EAGER, max(1, rounds // 4), home=home))
        ours.append(measured(OURS, rounds, home=home))
    ratios = [mine / theirs for mine, theirs in zip(ours, eager, strict=True)]
    return {
        "eager_torch_default_allocator_batch_32": {"images_per_second": eager, "median": statistics.median(eager)},
        "transferium": {"images_per_second": ours, "median": statistics.median(ours)},
        "ratio": {"each": ratios, "median": statistics.median(ratios), "goal": 5.0},
    }


def memory(home: Path, count: int) -> dict[str, object]:
    """Peak resident bytes of embedding ``count`` JPEGs as large as photographs on the web, and ten times as many."""
    with tempfile.TemporaryDirectory() as folder:
        write_pictures(Path(folder), 10 * count)
        peaks = {}
        for n in (count, 10 * count):  # with the graph of before and an empty store
            shutil.rmtree(home / "features", ignore_errors=True)
            peaks[n] = measured(MEMORY, folder, n, home=home)
    few, many = peaks[count], peaks[10 * count]
    return {
        "images": [count, 10 * count],
        "peak_bytes": [few, many],
        "growth": many / few - 1,
        "growth_beside_the_returned_features": (many - 9 * count * 1280 * 4) / few - 1,
        "goal": 0.10,
    }


def write_pictures(folder: Path, count: int) -> None:
    """Distinct 500 x 375 JPEGs."""
    import numpy as np
    from PIL import Image

    draw = np.random.default_rng(0)
    for i in range(count):
        coarse = Image.fromarray(draw.integers(0, 256, (24, 32, 3), np.uint8))
        coarse.resize((500, 375), Image.Resampling.BICUBIC).save(folder / f"{i:06}.jpg", quality=90)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a fifth of the work, and nothing is written")
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        figures = {
            "load_average": os.getloadavg(),
            "throughput": throughput(home, rounds=4 if quick else 16, repeats=1 if quick else 5),
            "memory": memory(home, count=100 if quick else 200),
        }
    if quick:
        print(json.dumps(figures, indent=1))
    else:
        record("embedding", figures)


if __name__ == "__main__":
    main()
