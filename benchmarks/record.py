"""Write a benchmark's figures with what is needed to repeat them."""

from __future__ import annotations

import json
import os
import platform
import sys
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
RESULTS = Path(__file__).resolve().parent / "results"
PACKAGES = ("transferium", "torch", "timm", "onnxruntime", "scikit-learn", "numpy")


def _public(argument: str) -> str:
    """An argument without where this machine keeps things."""
    return Path(argument).name if Path(argument).is_absolute() else argument


def command() -> str:
    """How this script was called, as somebody else would call it."""
    return " ".join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *map(_public, sys.argv[1:])])


def record(name: str, figures: dict[str, Any], *, dry: bool = False) -> None:
    """Print the figures and write ``results/<name>.json``; ``dry`` prints alone."""
    print(json.dumps(figures, indent=1))
    if dry:
        return
    RESULTS.mkdir(exist_ok=True)
    about = {
        "command": command(),
        "date": datetime.now(timezone.utc).date().isoformat(),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "versions": {package: version(package) for package in PACKAGES},
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(about | {"figures": figures}, indent=1) + "\n")
