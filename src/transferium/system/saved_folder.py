"""A folder of saved files, each known by its digest, which a sealed description beside them holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transferium.system.checked_files import (
    DamagedFile,
    check_file,
    check_seal,
    digest,
    hash_file,
    parse_json,
    read_file,
    to_sealed_json,
)


@dataclass(frozen=True)
class SavedFolder:
    """Files in ``folder`` by name; ``digests`` is None for one that was written before there were digests.

    Every method raises ``DamagedFile`` or ``OSError``, with the file's name, for a file that is missing, is no file, is
    a link out of the folder, or is not the one that was written.
    """

    folder: Path
    digests: Mapping[str, str] | None = None

    @classmethod
    def described(cls, folder: Path, content: bytes) -> tuple[dict[str, Any], SavedFolder]:
        """What a description beside the files says, and the files that it vouches for."""
        whole, told = check_seal(content), parse_json(content)
        digests = told.pop("files", None)
        if whole != isinstance(digests, dict):
            raise DamagedFile("its seal or the digests of its files are missing")
        return told, cls(folder, digests)

    def path(self, name: object) -> Path:
        """Where a file is, unread."""
        path = self.folder / str(name)
        if not isinstance(name, str) or path.parent != self.folder or name in ("", ".", ".."):
            raise DamagedFile(f"{name!r} is no name of a file in {self.folder}")
        try:
            inside = path.resolve(strict=True).parent == self.folder.resolve()
            check_file(path)
        except (OSError, RuntimeError) as error:
            raise OSError(0, f"{path}: {getattr(error, 'strerror', None) or error}") from error
        if not inside:
            raise DamagedFile(f"{path} is a link that leads out of the folder: copy the file itself")
        return path

    def read(self, name: object) -> bytes:
        """A file's content."""
        path = self.path(name)
        content = read_file(path)
        self._check(path, digest(content))
        return content

    def digest(self, name: object) -> str:
        """A file's digest, which is that of the file that was written."""
        found: str = hash_file(self.path(name)).hexdigest()
        self._check(self.folder / str(name), found)
        return found

    def _check(self, path: Path, found: str) -> None:
        if self.digests is not None and self.digests.get(path.name) != found:
            raise DamagedFile(f"{path} is not the file that was saved: its digest differs. Copy it again")


def describe_folder(path: Path, value: Mapping[str, Any]) -> None:
    """Write the description of all files that lie beside it: ``value``, their digests, and its own."""
    beside = sorted(file for file in path.parent.iterdir() if file.is_file() and file != path)
    digests = {file.name: hash_file(file).hexdigest() for file in beside}
    path.write_bytes(to_sealed_json({**value, "files": digests}, indent=1))
