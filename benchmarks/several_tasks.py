"""TREC's coarse and fine labels from one text: on one frozen backbone, trained together, and each task alone.

python benchmarks/several_tasks.py                     # an hour of one core
python benchmarks/several_tasks.py --rows 300 --epochs 1 --dry
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from record import DATA, record

LABELS = ("label", "fine_label")


def cut(folder: Path, rows: int) -> Path:
    """The first ``rows`` of train, with the test rows whose fine label occurs among them."""
    folder.mkdir()
    known: set[str] = set()
    for part, most in (("train", rows), ("test", None)):
        with (DATA / "trec" / f"{part}.csv").open(encoding="utf-8", newline="") as file:
            found = list(csv.DictReader(file))[:most]
        known |= {row["fine_label"] for row in found} if part == "train" else set()
        with (folder / f"{part}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(found[0]))
            writer.writeheader()
            writer.writerows(row for row in found if row["fine_label"] in known)
    return folder


def main() -> None:
    """Fit, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5452)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--dry", action="store_true", help="print the figures and write nothing")
    asked = parser.parse_args()
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        data = cut(Path(name) / "trec", asked.rows)
        given = [sys.executable, "-m", "transferium", "fit", str(data), "--text", "text", "--json", "--quiet"]
        given += [word for label in LABELS for word in ("--label", label)]
        trained = ["--method", "joint", "--set", f"epochs={asked.epochs}"]
        ways = {"frozen": ["--method", "probe"], "joint": trained}
        ways["joint, by uncertainty"] = [*trained, "--set", "weighting=uncertainty"]
        for way, options in ways.items():
            for seed in asked.seeds.split(","):
                command = [*given, *options, "--seed", seed, "--out", f"{name}/run"]
                run = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
                for task, one in run["tasks"].items():
                    alone = one["references"].get("alone", {}).get("accuracy")
                    figures[f"{way}, {task}, seed {seed}"] = {
                        "accuracy": one["test"]["accuracy"],
                        "alone": alone,
                        "gain": one["difference"] if alone else None,
                        "examples": one["test"]["examples"],
                    }
    record("several_tasks", figures, dry=asked.dry)


if __name__ == "__main__":
    main()
