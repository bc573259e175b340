"""What every test shares: a store of its own, and the way to the real data sets."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from transferium.system.hardware import cuda_may_be_present

ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
]
"""How Chromium is started: without a sandbox, and without talking to anybody."""
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"

# Figures are compared with what a CPU gives. Where there is a GPU, test_cuda.py runs what holds on any device there.
HIDDEN = "TRANSFERIUM_HIDDEN_GPUS"  # what was visible before: processes started from here find it hidden already
if "TRANSFERIUM_TEST_CUDA" not in os.environ:
    os.environ.setdefault(HIDDEN, os.environ.get("CUDA_VISIBLE_DEVICES", "all") if cuda_may_be_present() else "none")
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
else:
    import torch

    assert torch.cuda.is_available(), "these tests were to use a GPU, and PyTorch sees none"


@pytest.fixture
def on_cuda() -> dict[str, str]:
    """The environment of a process whose tests use the GPU, or skips where there is none."""
    if os.environ.get(HIDDEN, "none") == "none":
        # Nothing is lost on a machine without one: the same laws run on the CPU, in the files that test_cuda.py names.
        pytest.skip("no GPU here; the laws that this would run on one are tested on the CPU in their own files")
    visible = {} if os.environ[HIDDEN] == "all" else {"CUDA_VISIBLE_DEVICES": os.environ[HIDDEN]}
    kept = {name: value for name, value in os.environ.items() if name not in (HIDDEN, "CUDA_VISIBLE_DEVICES")}
    return kept | visible | {"TRANSFERIUM_TEST_CUDA": "1"}


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


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A real headless Chromium, or a skip with the reason."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        # A browser comes with no Python package: .ci/run installs one where it can, and says so where it cannot.
        pytest.skip("no Chromium on this machine: pages cannot be looked at")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield started
        started.close()
