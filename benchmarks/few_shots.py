"""Few labels: zero-shot, prototypes, neighbours, probe, SetFit and others over draws of TREC and SST-2.

Descriptions of the labels (``benchmarks/labels/``) are written from the definitions that came with the data sets; the
templates are those of the method. ``--quick`` takes two draws and leaves out what trains. More labels, and methods:

python benchmarks/few_shots.py --shots 64 --draws 3 --methods zero-shot,probe,setfit,lora,bitfit,finetune
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from record import DATA, record
from transferium.cli import main

LABELS = Path(__file__).parent / "labels"
FROZEN = "zero-shot,ncm,knn,probe"


def run(*arguments: object) -> dict[str, Any]:
    """The metrics of ``transferium fit`` with these arguments."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        try:
            main(["--quiet", "fit", *map(str, arguments), "--out", str(out)])
        except SystemExit as end:
            if end.code:
                raise
        return dict(json.loads((out / "metrics.json").read_text()))


def few_shots(data: Path, name: str, shots: int, draws: int, methods: str) -> list[dict[str, Any]]:
    """The table of the methods over the draws."""
    labels = ("--labels", LABELS / f"{name}.json") if "zero-shot" in methods.split(",") else ()
    told = run(data / name, "--shots", shots, "--draws", draws, "--method", methods, *labels)
    return list(told["few_shots"]["methods"])


def zero_shot(data: Path, name: str) -> dict[str, Any]:
    """Accuracy on the whole test file, of all templates together and of each alone."""
    told = run(data / name / "test.csv", "--method", "zero-shot", "--labels", LABELS / f"{name}.json")
    beside = {name: figures["accuracy"] for name, figures in told["references"].items()}
    return {"accuracy": told["test"]["accuracy"], "beside": beside, "verdict": told["verdict_sentence"]}


def by_auto(data: Path, name: str, shots: int) -> dict[str, Any]:
    """What ``auto --budget 2m`` takes on the first draw, and its accuracy."""
    told = run(data / name, "--shots", shots, "--budget", "2m")
    tried = [{k: row.get(k) for k in ("method", "difference", "kept")} for row in told["selection"]["candidates"]]
    return {"took": told["method"], "accuracy": told["test"]["accuracy"], "tried": tried}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--sets", default="trec,sst2")
    parser.add_argument("--shots", default="8")
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--methods", default=f"{FROZEN},setfit")
    parser.add_argument("--auto", action="store_true", help="Also what auto takes in two minutes.")
    parser.add_argument("--quick", action="store_true", help="Two draws of what trains nothing.")
    asked = parser.parse_args()
    if asked.quick:
        asked.draws, asked.methods = 2, FROZEN
    return asked


def figures(asked: argparse.Namespace) -> dict[str, Any]:
    """All figures by data set."""
    found: dict[str, Any] = {}
    for name in asked.sets.split(","):
        found[name] = {"zero-shot": zero_shot(asked.data, name)}
        for shots in map(int, asked.shots.split(",")):
            found[name][f"{shots} shots"] = few_shots(asked.data, name, shots, asked.draws, asked.methods)
            if asked.auto:
                found[name][f"auto, {shots} shots"] = by_auto(asked.data, name, shots)
    return found


if __name__ == "__main__":
    asked = arguments()
    record("few_shots" if asked.shots == "8" else f"few_shots_{asked.shots.replace(',', '_')}", figures(asked))
