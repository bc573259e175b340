"""The core install: what it takes on disk, and how long ``make demo`` takes from a bare clone.

    python benchmarks/install.py            packages should be in pip's cache: run it twice

- ``demo_s``: ``make demo`` in a fresh clone, from nothing to the written report.
- ``fit_s``: of that, the job itself (as it says).
- ``installed_mb``: site-packages afterwards with pip, setuptools and this package (10⁶ bytes).
- ``verdict``: the sentence in which the demo ends.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

from record import record

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        clone = Path(scratch) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        home = os.environ | {"TRANSFERIUM_HOME": str(Path(scratch) / "home")}
        begin = time.perf_counter()
        subprocess.run(["make", "demo"], cwd=clone, check=True, capture_output=True, env=home)
        seconds = time.perf_counter() - begin
        (packages,) = (clone / ".venv").rglob("site-packages")
        folders = packages, clone / "src" / "transferium"  # installed editable: the package itself is in src
        size = sum(file.stat().st_size for folder in folders for file in folder.rglob("*") if file.is_file())
        told = json.loads((clone / "runs/docstrings/metrics.json").read_text())
    record(
        "install",
        {
            "demo_s": round(seconds, 1),
            "fit_s": round(told["seconds"]["total"], 1),
            "installed_mb": round(size / 1e6),
            "accuracy": told["test"]["accuracy"],
            "no_transfer": told["references"]["no_transfer"]["accuracy"],
            "verdict": told["verdict_sentence"],
        },
    )


if __name__ == "__main__":
    main()
