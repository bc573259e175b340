"""The Hugging Face hub: a repository's files from the local cache, else from the network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from transferium.errors import BackboneError

_offline: ContextVar[bool] = ContextVar("offline", default=False)


@contextmanager
def offline() -> Iterator[None]:
    """Look in the local cache alone: for names that came from a file and not from the user."""
    before = _offline.set(True)
    try:
        yield
    finally:
        _offline.reset(before)


def repository(name: str, patterns: Sequence[str]) -> Path:
    """The folder of a hub repository's files; no socket is opened when the cache holds configuration and weights."""
    if folder := cached_repository(name):
        return folder
    if _offline.get():
        raise BackboneError(f"a saved model names {name!r}, which is not in the local Hugging Face cache.")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return Path(snapshot_download(name, allow_patterns=list(patterns)))
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise BackboneError(
            f"{name!r} is not in the local Hugging Face cache and could not be fetched from the hub "
            f"({type(error).__name__}: {str(error).splitlines()[0][:200]}). Check the name and the network, or give a "
            "local folder; `transferium backbones` lists what is here."
        ) from error


def cached_repository(name: str) -> Path | None:
    """The folder of a repository in the local cache, if its configuration and weights are there."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(name, local_files_only=True))
    except LocalEntryNotFoundError:
        return None
    except HFValidationError as error:
        raise BackboneError(f"{name!r} is not a name on the Hugging Face hub: {error}") from error
    return folder if _complete(folder) else None


def _complete(folder: Path) -> bool:
    return (folder / "config.json").exists() and any(
        file.suffix in {".safetensors", ".bin"} for file in folder.iterdir()
    )


def cached_repositories() -> list[tuple[str, Path]]:
    """(name, folder) of every repository with weights in the local hub cache; looks at file names only."""
    from huggingface_hub import constants

    found = []
    for repo in sorted(Path(constants.HF_HUB_CACHE).glob("models--*--*")):
        folders = sorted((repo / "snapshots").glob("*")) if (repo / "snapshots").is_dir() else []
        if folders and _complete(folders[-1]):
            found.append((repo.name.removeprefix("models--").replace("--", "/", 1), folders[-1]))
    return found
