"""Left never imports right: the order of docs/architecture.md, read from the syntax trees."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "transferium"
ORDER = [
    "errors",
    "functional",
    "data",
    "models",
    "embedding",
    "training",
    "objectives",
    "selection",
    "methods",
    "evaluation",
    "artifact",
    "report",
    "job",
    "estimator",
    "cli",
]


def imported_layers(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith("transferium.")} & set(ORDER)


def layer_of(file: Path) -> str:
    return file.relative_to(SOURCE).parts[0].removesuffix(".py")


FILES = sorted(f for f in SOURCE.rglob("*.py") if f.parent != SOURCE or f.stem != "__init__")


def test_every_file_belongs_to_a_layer() -> None:
    assert {layer_of(f) for f in FILES} <= {*ORDER, "__main__"}


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(SOURCE)))
def test_imports_point_left(file: Path) -> None:
    if layer_of(file) == "__main__":
        return
    here = ORDER.index(layer_of(file))
    right = {name for name in imported_layers(file) if ORDER.index(name) > here}
    assert not right, f"{file.relative_to(SOURCE)} imports {sorted(right)} from its right"


def test_the_guard_sees_a_planted_fault(tmp_path: Path) -> None:
    planted = tmp_path / "planted.py"
    planted.write_text("def f():\n    from transferium.cli import main\n")
    assert imported_layers(planted) == {"cli"}
