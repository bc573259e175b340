"""What every test shares: a store of its own, and the way to the real data sets."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # where toy_world.py is
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads or writes the user's store; exported graphs are shared within one session."""
    home = tmp_path_factory.getbasetemp() / "home"
    monkeypatch.setenv("TRANSFERIUM_HOME", str(home))
    return home


@pytest.fixture
def shared_data():
    """``shared_data("trec")`` gives that real data set's folder, or skips with the reason."""

    def find(name: str) -> Path:
        folder = SHARED / name
        if not folder.exists():
            pytest.skip(f"real data set {name!r} is not beside the project")
        return folder

    return find
