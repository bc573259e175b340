"""Live training curves in TensorBoard, Weights & Biases and MLflow, by Accelerate's trackers."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from transferium.errors import InputError, did_you_mean

TRACK = "track"
"""The folder beside the checkpoints where trackers keep their files."""
INSTALL = {
    "tensorboard": "pip install 'transferium[track]'",
    "wandb": "pip install wandb",
    "mlflow": "pip install mlflow",
}
"""The trackers by name, and what to do where one is not installed."""


def check_trackers(names: Sequence[str]) -> tuple[str, ...]:
    """The names, each once; raises ``InputError`` for one there is not (with the nearest) or that is not installed.

    >>> check_trackers([])
    ()
    """
    for name in names:
        if name not in INSTALL:
            raise InputError(f"there is no tracker {name!r}. {did_you_mean(name, INSTALL)}")
        if find_spec(name) is None:
            raise InputError(f"the tracker {name!r} is not installed. Install it with: {INSTALL[name]}")
    return tuple(dict.fromkeys(names))


def arguments(names: Sequence[str], folder: Path, step: int) -> dict[str, dict[str, Any]]:
    """The settings with which each tracker is opened at ``step``.

    Files go to ``folder``, and nothing leaves this machine unless the environment says so: Weights & Biases is offline
    without ``WANDB_MODE``.
    """
    told: dict[str, dict[str, Any]] = {
        "tensorboard": {"purge_step": step} if step else {},
        "wandb": {"dir": str(folder), "mode": os.environ.get("WANDB_MODE", "offline")},
        "mlflow": {"logging_dir": str(folder)},
    }
    return {name: told[name] for name in names if told[name]}


def keep_mlflow_here(folder: Path) -> None:
    """Let MLflow write to a file in ``folder`` where neither environment nor program named a server."""
    if "MLFLOW_TRACKING_URI" not in os.environ:
        import_module("mlflow").set_tracking_uri(f"sqlite:///{(folder / 'mlflow.db').resolve()}")


@dataclass(eq=False)
class Tracks:
    """Sends hyper-parameters once, and each step's terms and scores under ``<stage>/<name>``, at the step of the run.

    ``accelerator`` was made with ``log_with``. Nothing is opened before the first step. TensorBoard gets the
    step from which a resumed run goes on, so that steps that are repeated are not shown twice.
    """

    accelerator: Any
    folder: Path
    settings: Mapping[str, Any]
    project: str = "transferium"
    opened: bool = False
    before: int = 0
    told: int = 0

    def open_stage(self, before: int, done: int) -> None:
        """Begin a stage after ``before`` steps of others, of which ``done`` were taken already."""
        self.before, self.told = before, done

    def steps(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Send the rows of the stage that are new since the last time."""
        if len(rows) > self.told and not self.opened:
            self._open(self.before + self.told)
        for at in range(self.told, len(rows)):
            row = rows[at]
            named = {k: v for k, v in row.items() if k not in ("stage", "step") and isinstance(v, int | float)}
            self.accelerator.log({f"{row['stage']}/{k}": v for k, v in named.items()}, step=self.before + at)
        self.told = len(rows)

    def finish(self) -> None:
        """Close what was opened."""
        if self.opened:
            for tracker in self.accelerator.trackers:
                tracker.finish()
            self.opened = False

    def _open(self, step: int) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        names = [str(name) for name in self.accelerator.log_with]
        if "mlflow" in names:
            keep_mlflow_here(self.folder)
        plain = {k: v if isinstance(v, int | float | str) else json.dumps(v) for k, v in self.settings.items()}
        self.accelerator.init_trackers(
            self.project, config=plain, init_kwargs=arguments(names, self.folder.resolve(), step)
        )
        self.opened = True
