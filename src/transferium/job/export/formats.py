"""The forms in which a saved model leaves this program: one row for each."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from zipfile import ZipFile, is_zipfile

from transferium.errors import InputError
from transferium.job.export.sign import TOLD

if TYPE_CHECKING:
    from transferium.artifact import Artifact


@dataclass(frozen=True)
class FileFormat:
    """A file: ``make(artifact, run)`` gives its content, ``is_ours(open file)`` knows an earlier one."""

    help: str
    make: Callable[[Artifact, Path], bytes]
    is_ours: Callable[[BinaryIO], bool]

    def write(self, artifact: Artifact, run: Path, out: Path) -> int:
        """Write the file, whole or not at all; its size in bytes."""
        from transferium.system.write_atomically import write_atomically

        content = self.make(artifact, run)
        try:
            write_atomically(out, content)
        except OSError as error:
            raise InputError(f"{out} cannot be written: {error.strerror or error}. Name another file.") from error
        return len(content)

    def check(self, out: Path) -> None:
        """Raise ``InputError`` where something else than an earlier export lies at ``out``."""
        if not out.exists():
            return
        if not out.is_file():
            raise InputError(f"--out {out} is a folder or a device; name a file.")
        with out.open("rb") as file:
            ours = self.is_ours(file)
        if not (ours or out.stat().st_size == 0):
            raise InputError(
                f"--out {out} holds something else than an earlier export of this kind; nothing was overwritten. Name "
                "another file, or remove this one."
            )


@dataclass(frozen=True)
class FolderFormat:
    """A folder: ``fill(artifact, folder)`` writes it, and gives what ``transferium.json`` in it says.

    The user may put files into the folder ``filled_by_user`` in it: these are not replaced.
    """

    help: str
    fill: Callable[[Artifact, Path], dict[str, Any]]
    filled_by_user: str = ""

    def write(self, artifact: Artifact, _run: Path, out: Path) -> int:
        """Write the folder, whole or not at all; the size of its files in bytes."""
        from transferium.artifact import replacing

        with replacing(out, signs=(TOLD,)) as fresh:
            told = self.fill(artifact, fresh)
            (fresh / TOLD).write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            files = [file for file in fresh.rglob("*") if file.is_file()]
            for file in files:
                file.chmod(0o644)  # some libraries write for the owner alone
            return sum(file.stat().st_size for file in files)

    def check(self, out: Path) -> None:
        """Raise ``InputError`` where something else than an earlier export of this kind lies at ``out``."""
        if not out.exists() or (out.is_dir() and not any(out.iterdir())):
            return
        try:
            found = FORMATS.get(json.loads((out / TOLD).read_text("utf-8"))["format"])
        except (OSError, ValueError, TypeError, KeyError):
            found = None
        if found is not self:
            raise InputError(
                f"--out {out} is no earlier export of this kind; nothing was overwritten. Name a folder that does not "
                "exist yet."
            )
        own = out / self.filled_by_user
        if self.filled_by_user and (wheels := sorted(p.name for p in own.glob("*") if p.name != "README.md")):
            raise InputError(
                f"{own} holds {', '.join(wheels[:3])}, which would be lost; nothing was overwritten. Move it "
                "away, or name a new folder."
            )


def _onnx(artifact: Artifact, _run: Path) -> bytes:
    from transferium.job.export.onnx.onnx_file import onnx_file

    return onnx_file(artifact)


def _is_onnx(file: BinaryIO) -> bool:
    from transferium.job.export.onnx.onnx_graph import is_ours

    return is_ours(file)


def _torch(artifact: Artifact, _run: Path) -> bytes:
    from transferium.job.export.torch_program import torch_program

    return torch_program(artifact)


def _is_torch(file: BinaryIO) -> bool:
    return is_zipfile(file) and any(Path(name).name == TOLD for name in ZipFile(file).namelist())


def _card(artifact: Artifact, run: Path) -> bytes:
    from transferium.job.export.model_card import model_card

    return model_card(artifact, run)


def _is_card(file: BinaryIO) -> bool:
    from transferium.job.export.model_card import BEGINNING

    return file.read(len(BEGINNING)) == BEGINNING


def _huggingface(artifact: Artifact, folder: Path) -> dict[str, Any]:
    from transferium.job.export.huggingface_folder import fill_huggingface

    return fill_huggingface(artifact, folder)


def _docker(artifact: Artifact, folder: Path) -> dict[str, Any]:
    from transferium.job.export.docker_folder import fill_docker

    return fill_docker(artifact, folder)


FORMATS: dict[str, FileFormat | FolderFormat] = {
    "onnx": FileFormat(
        "one file for onnxruntime, with classes and preprocessing as JSON in its metadata", _onnx, _is_onnx
    ),
    "torch": FileFormat("one file for torch.export.load (.pt2)", _torch, _is_torch),
    "huggingface": FolderFormat("a folder for transformers (texts) or timm (pictures)", _huggingface),
    "docker": FolderFormat("a folder with a Dockerfile that serves the model", _docker, "packages"),
    "card": FileFormat("a model card in Markdown", _card, _is_card),
}
"""The forms by name; what makes each is imported when it is asked for."""
