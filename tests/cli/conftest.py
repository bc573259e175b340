"""Run the command line as its user would, in this process, on small data made on the spot."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from transferium.cli import main
from worlds.images import RED_GREEN, write_images


@dataclass(frozen=True)
class Ran:
    """What a command left: its exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def run_cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """``run_cli("fit", folder, "--json")`` gives code, output and errors; no traceback may ever be printed."""

    def run(*arguments: object) -> Ran:
        with pytest.raises(SystemExit) as ended:
            main([str(a) for a in arguments])
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return Ran(int(ended.value.code or 0), printed.out, printed.err)

    return run


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Two classes of 16 images each."""
    return write_images(tmp_path / "data", RED_GREEN, 16)
