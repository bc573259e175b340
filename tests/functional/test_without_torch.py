"""The numeric functions import neither torch nor SciPy nor scikit-learn; only the losses need torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import transferium.functional

ROOT = Path(transferium.functional.__file__).parent
PACKAGES = ("adaptation", "shift", "validators")


def imported(names: list[str]) -> set[str]:
    code = f"import sys, importlib\nfor n in {names!r}: importlib.import_module(n)\nprint(' '.join(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return {name.split(".")[0] for name in out.split()}


def test_adaptation_shift_and_validators_load_numpy_alone() -> None:
    files = sorted(file for package in PACKAGES for file in (ROOT / package).glob("*.py"))
    names = [f"transferium.functional.{file.parent.name}.{file.stem}" for file in files]
    assert len(names) > 25
    assert not imported(names) & {"torch", "scipy", "sklearn", "ot"}


def test_the_check_sees_what_it_looks_for() -> None:
    assert "torch" in imported(["transferium.functional.losses.mmd"])
