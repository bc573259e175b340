"""Where the weights of a backbone lie that came from a folder: kept under the home, by fingerprint.

A saved model says which weights it needs and never where they are: a path that came with somebody's file is not read.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from transferium.system.cache_dir import home
from transferium.system.checked_files import read_sealed_json, write_sealed_json


def note_folder(fingerprint: str, folder: Path) -> None:
    """Remember that the weights with this fingerprint were found in ``folder``, where the home can be written."""
    if known_folder(fingerprint) != folder.resolve():
        with suppress(OSError):
            write_sealed_json(_file(fingerprint), {"folder": str(folder.resolve())})


def known_folder(fingerprint: str) -> Path | None:
    """Where they were found last; they may have gone since, or be others now."""
    with suppress(OSError, ValueError, KeyError):
        return Path(read_sealed_json(_file(fingerprint))["folder"])
    return None


def _file(fingerprint: str) -> Path:
    return home() / "backbones" / f"folder-{fingerprint[:40]}.json"
