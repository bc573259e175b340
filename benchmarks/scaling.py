"""Unit costs of features: processor seconds an example, by its parts, and bytes of what is written.

    python benchmarks/scaling.py [--quick]      writes benchmarks/results/scaling.json

Processor time, not waiting: it is about the same on a machine that others use. Decoding and network are measured in one
process, one example after another; the command as a whole is a process of its own, its start included and told apart.
"""

from __future__ import annotations

import argparse
import csv
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from record import DATA, record
from transferium.data.domain import Domain
from transferium.data.read import read
from transferium.embedding.engines.engine import open_engine
from transferium.models.catalogue import find_backbone


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """Processor seconds of this process, and what the work gives."""
    began = time.process_time()
    found = work()
    return time.process_time() - began, found


def parts(domain: Domain) -> dict[str, float]:
    """Milliseconds an example: reading (decode, resize, or tokens), and the network."""
    backbone = find_backbone(None, domain.kind)
    assert backbone.preprocess is not None
    pre = backbone.preprocess
    engine = open_engine(backbone, "onnx", list)
    engine.run(pre.made_up()[0][None])
    reading, inputs = seconds(lambda: [pre.read(domain.samples.raw(i)) for i in range(len(domain))])
    network, _ = seconds(lambda: [engine.run(one[None]) for one in inputs])
    return {"reading_ms": 1e3 * reading / len(domain), "network_ms": 1e3 * network / len(domain)}


def command(data: Path, examples: int, out: Path) -> dict[str, float]:
    """Processor milliseconds an example of ``transferium embed``, and bytes a vector; its start is of one example."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    program = [sys.executable, "-m", "transferium", "--quiet", "embed", str(data), "--out", str(out)]
    subprocess.run(program, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu_s": spent, "examples": examples, "bytes": (out / "features.parquet").stat().st_size / examples}


def texts(path: Path, count: int) -> Path:
    """A table of that many reviews, no two alike."""
    with (DATA / "sst2" / "train.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1 : count + 1]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["label", "text"], *(row[:2] for row in rows)])
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a fifth of the work, and nothing is written")
    quick = parser.parse_args().quick
    pictures = read(DATA / "hymenoptera")
    count = len(pictures) // (5 if quick else 1)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        table = texts(folder / "reviews.csv", 500 if quick else 2500)
        reviews = read(table, label="label")
        some = pictures.take(np.arange(count))
        found: dict[str, Any] = {"pictures": {"examples": count, **parts(some)}}
        found["texts"] = {"examples": len(reviews), **parts(reviews)}
        one = texts(folder / "one.csv", 1)
        start = command(one, 1, folder / "one")["cpu_s"]
        for name, data, many in (("pictures", DATA / "hymenoptera", len(pictures)), ("texts", table, len(reviews))):
            whole = command(data, many, folder / name)
            told = {"start_cpu_s": start, "embed_ms": 1e3 * (whole["cpu_s"] - start) / many}
            found[name] |= told | {"bytes_a_vector": whole["bytes"]}
    megabytes = sum(file.stat().st_size for file in (DATA / "hymenoptera").rglob("*.jpg")) / 1e6
    found["pictures"]["megabytes_a_picture"] = megabytes / len(pictures)
    record("scaling", found, dry=quick)


if __name__ == "__main__":
    main()
