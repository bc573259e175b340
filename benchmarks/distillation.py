"""Distillation: the bundled network tuned on CIFAR-10 pictures teaches one with a fiftieth of its parameters.

The student learns from all labels, and from a tenth of them with the other pictures unlabelled; each beside itself
trained alone for as many steps, with the interval of the difference on the 2,000 test pictures.

python benchmarks/distillation.py                         # all of it: hours of one core
python benchmarks/distillation.py --rows 1000 --epochs 3 --teacher unfreeze=none,epochs=2,size=64 --seeds 0 --dry
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from record import DATA, record

SHARE = 10
"""One picture in so many keeps its label in the second setting."""
MATCHES = ("answers", "features", "relations")


def cut(folder: Path, rows: int) -> tuple[Path, Path, Path]:
    """``rows`` training pictures with the test part; a tenth of them with the same test part; the rest alone."""
    source = DATA / "cifar10_subset"
    train, test = (pq.read_table(source / f"{part}.parquet") for part in ("train", "test"))
    train = train.take(list(range(0, train.num_rows, train.num_rows // rows))[:rows])
    few = list(range(0, train.num_rows, SHARE))
    rest = sorted(set(range(train.num_rows)) - set(few))
    made = {"all": train, "few": train.take(few)}
    for name, part in made.items():
        (folder / name).mkdir()
        pq.write_table(part, folder / name / "train.parquet")
        pq.write_table(test, folder / name / "test.parquet")
    pq.write_table(train.take(rest).drop(["label"]), folder / "rest.parquet")
    return folder / "all", folder / "few", folder / "rest.parquet"


def fit(data: Path, out: Path, *more: str) -> dict[str, Any]:
    """``transferium fit``, and what it prints for machines."""
    given = [sys.executable, "-m", "transferium", "fit", str(data), "--out", str(out), "--json", "--quiet", *more]
    return json.loads(subprocess.run(given, check=True, stdout=subprocess.PIPE).stdout)


def told(run: dict[str, Any]) -> dict[str, Any]:
    """The figures of one student."""
    references, rivals = run["references"], run["rivals"]
    return {
        "student": run["test"]["accuracy"],
        "alone": references["without_teacher"]["accuracy"],
        "teacher": references["teacher"]["accuracy"],
        "difference": run["difference"],
        "costs": rivals["costs"],
        "smaller": rivals["costs"]["teacher"]["parameters"] / rivals["costs"]["model"]["parameters"],
    }


def main() -> None:
    """Teach, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument(
        "--teacher", default="epochs=3,size=128,augment=light", help="settings of the teacher's finetune"
    )
    parser.add_argument("--student", default="small_cnn")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--matches", default=",".join(MATCHES))
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--dry", action="store_true", help="print the figures and write nothing")
    asked = parser.parse_args()
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        everything, few, rest = cut(folder, asked.rows)
        settings = [word for pair in asked.teacher.split(",") for word in ("--set", pair)]
        for setting, data, more in (
            ("all labels", everything, []),
            (f"one label in {SHARE}", few, ["--set", f"unlabeled={rest}"]),
        ):
            teacher = folder / f"teacher of {data.name}"
            fit(data, teacher, "--method", "finetune", *settings)
            for match in asked.matches.split(","):
                for seed in asked.seeds.split(","):
                    options = ["--set", f"teacher={teacher}", "--set", f"match={match}", *more, "--seed", seed]
                    options += ["--set", f"epochs={asked.epochs}", "--backbone", asked.student, "--method", "distil"]
                    figures[f"{setting}, {match}, seed {seed}"] = told(fit(data, folder / "student", *options))
                    print(setting, match, seed, figures[f"{setting}, {match}, seed {seed}"]["difference"], flush=True)
    record("distillation", figures, dry=asked.dry)


if __name__ == "__main__":
    main()
