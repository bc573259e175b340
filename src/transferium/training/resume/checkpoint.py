"""A run's state on disk: one safetensors file at a time, replaced atomically."""

from __future__ import annotations

import json
import os
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from transferium.errors import InputError, TransferiumWarning, reason
from transferium.system.checked_files import NOT_YET, DamagedFile, check_tensors_seal, sealed
from transferium.system.program import program
from transferium.system.write_atomically import write_atomically
from transferium.training.logs.journal import LOG

FORMAT = 2
"""From 2 on a file holds a seal: the digest of all that is in it."""


@dataclass(frozen=True, eq=False)
class Saved:
    """The content of one checkpoint: tensors by name, and plain data."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]

    def under(self, prefix: str) -> dict[str, Tensor]:
        """The tensors with names that start with ``prefix/``, which is removed."""
        start = f"{prefix}/"
        return {name.removeprefix(start): t for name, t in self.tensors.items() if name.startswith(start)}


class Checkpoints:
    """The folder of one run.

    ``stage-<number>.safetensors`` holds a finished stage, ``step.safetensors`` the one under way. The latter is written
    at most every ``every_s`` seconds, or after every ``every_steps`` steps where that is given, and never for more than
    about a twentieth of the time. Each file is written beside its place, flushed to disk and renamed, so that a kill at
    any moment leaves the old one or the new one. Plain data is JSON in the file's header; nothing is pickled.
    """

    def __init__(
        self, folder: Path, *, every_s: float = 30.0, every_steps: int | None = None, restart: bool = False
    ) -> None:
        self.folder, self.every_s, self.every_steps = folder, every_s, every_steps
        self.cost, self.last, self.failed = 0.0, time.monotonic(), False
        if restart:
            self.clear()

    def clear(self) -> None:
        """Delete the files of the run."""
        kept = [*self.folder.glob("stage-*.safetensors"), self._step, self.good, self.folder / LOG]
        for path in [*kept, *self.folder.glob("*.tmp")]:
            path.unlink(missing_ok=True)

    def due(self, step: int) -> bool:
        """Whether the state should be written after ``step`` steps."""
        if self.every_steps is not None:
            return step % self.every_steps == 0
        return time.monotonic() - self.last >= max(self.every_s, 20 * self.cost)

    def finished(self, stage: int) -> Saved | None:
        """A finished stage's state, or None."""
        return self._read(self._stage(stage))

    def under_way(self, stage: int) -> Saved | None:
        """The state of a stage that was interrupted, or None."""
        saved = self._read(self._step)
        return saved if saved is not None and saved.facts["stage"] == stage else None

    def save_step(self, stage: int, saved: Saved) -> None:
        """Write the state of the stage under way; a full disk is a warning, once, and the run goes on."""
        start = time.monotonic()
        try:
            self._write(self._step, stage, saved)
        except OSError as error:
            if not self.failed:
                warnings.warn(
                    f"no checkpoint could be written to {self.folder}: {error}. Training goes on; if it is "
                    "interrupted, it resumes from the last one that was.",
                    TransferiumWarning,
                    stacklevel=2,
                )
            self.failed = True
        self.last = time.monotonic()
        self.cost = self.last - start

    def save_finished(self, stage: int, saved: Saved) -> None:
        """Write a finished stage, then forget its steps."""
        try:
            self._write(self._stage(stage), stage, saved)
        except OSError as error:
            raise InputError(
                f"the finished stage could not be written to {self.folder}: {error}. What was written before is whole: "
                "make room and start the same command again; it goes on from there."
            ) from error
        self._step.unlink(missing_ok=True)

    def save_good(self, stage: int, saved: Saved) -> None:
        """Write the last good weights of a stage whose loss became NaN or infinite, as far as there is room."""
        try:
            self._write(self.good, stage, saved)
        except OSError as error:
            warnings.warn(f"{self.good} could not be written: {error}.", TransferiumWarning, stacklevel=2)

    @property
    def good(self) -> Path:
        """Where the last good weights are, after a loss that was no number."""
        return self.folder / "last_good.safetensors"

    @property
    def _step(self) -> Path:
        return self.folder / "step.safetensors"

    def _stage(self, number: int) -> Path:
        return self.folder / f"stage-{number:03d}.safetensors"

    def _write(self, path: Path, stage: int, saved: Saved) -> None:
        from safetensors.torch import save

        facts = json.dumps({"format": FORMAT, "stage": stage, "program": program(), **saved.facts})
        tensors = {k: v.detach().cpu().contiguous() for k, v in saved.tensors.items()}
        content = memoryview(save(tensors, {"transferium": facts, "seal": NOT_YET}))
        end = 8 + int.from_bytes(content[:8], "little")
        write_atomically(path, b"".join([sealed(bytes(content[:end]), content[end:]), content[end:]]), durable=True)
        _flush_folder(self.folder)

    def _read(self, path: Path) -> Saved | None:
        from safetensors import safe_open

        if not path.exists():
            return None
        try:
            whole = check_tensors_seal(path)
            with safe_open(path, framework="pt") as file:
                facts = json.loads(file.metadata()["transferium"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
            if not whole and facts["format"] > 1:
                raise DamagedFile("its seal is missing")
        except Exception as error:  # the file was ours: whatever its parsers raise, it was damaged since
            warnings.warn(
                f"checkpoint {path} is damaged ({reason(error)}) and was ignored; that stage starts again.",
                TransferiumWarning,
                stacklevel=2,
            )
            return None
        if facts["format"] > FORMAT:
            raise InputError(
                f"checkpoint {path} has format {facts['format']}, and this version reads up to {FORMAT}: "
                "resume with the version that wrote it, or start in another folder."
            )
        return Saved(tensors, facts)


def _flush_folder(folder: Path) -> None:
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
