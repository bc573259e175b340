"""The one place where a URL or an archive becomes files of this machine: a copy under the home, kept in step."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from transferium.errors import DataError
from transferium.system.cache_dir import home
from transferium.system.checked_files import read_sealed_json, write_sealed_json
from transferium.system.display import Progress
from transferium.system.extras import require_remote
from transferium.system.folder_locks import let_go, take_lock
from transferium.system.printable import shown

ARCHIVES = {".zip": "zip", ".tar": "tar", ".tgz": "tar", ".tar.gz": "tar", ".tar.bz2": "tar", ".tar.xz": "tar"}
"""Endings of archives, and what fsspec calls them."""
TAGS = ("ETag", "etag", "blob_id", "md5Hash", "CRC", "chksum", "mtime", "LastModified", "created")
"""Where file systems keep what changes with a file's content; the first that is there counts."""
BATCH = 64
"""Files that are asked for together: what a store over a network answers at one time."""
KEPT, FILES, COMING = "copy.json", "files", "coming"
_URL = re.compile(r"[a-z][a-z0-9+.-]+://|[a-z]+::", re.IGNORECASE)


def is_remote(source: object) -> bool:
    """Whether data is named by a URL, or is an archive of files.

    >>> is_remote("s3://bucket/flowers"), is_remote("photos.zip"), is_remote("photos"), is_remote("C:/photos")
    (True, True, False, False)
    """
    text = str(source)
    return bool(_URL.match(text)) or (_archive(text) is not None and not Path(text).is_dir())


@dataclass(frozen=True)
class Copy:
    """Where the copy lies; how many files of how many bytes it is, and how many of them were fetched now."""

    path: Path
    files: int
    size: int
    fetched: int


def local_copy(source: str, progress: Progress | None = None) -> Copy:
    """The file or folder of this machine that holds what ``source`` names now.

    ``source`` is a URL of fsspec (``s3://``, ``gs://``, ``hf://``, ``https://``, ``memory://``, ``zip://inside::URL``)
    or an archive (``.zip``, ``.tar``), here or at a URL. Files come under ``$TRANSFERIUM_HOME/copies``, each whole or
    not at all; those whose size and tag (ETag, checksum, time of change) are as before are not fetched again, and those
    that are gone there go here. What was fetched stays when it is interrupted. ``progress`` counts bytes.

    Raises ``DataError`` with what was found, ``MissingExtraError`` for a package that is not here.
    """
    require_remote(source)
    packed = _archive(source)
    if packed is None:
        return _copied(source, source, _name(source), progress)
    file = Path(source).expanduser()
    if _URL.match(source):
        file = _copied(source, source, PurePosixPath(source).name, progress).path
    return _copied(f"{packed}://::file://{file.resolve()}", source, _name(source), progress)


def _archive(text: str) -> str | None:
    """The kind of archive that a path or URL ends in; None for one that says itself what is read inside."""
    name = "" if "::" in text else text.lower()
    return next((kind for ending, kind in ARCHIVES.items() if name.endswith(ending)), None)


def _name(url: str) -> str:
    """What the data is called: the last part of a URL that is a name, without the ending of an archive."""
    for link in url.split("::"):
        name = PurePosixPath(link.split("://")[-1].rstrip("/")).name
        if name:
            ending = next((end for end in sorted(ARCHIVES, key=len)[::-1] if name.lower().endswith(end)), "")
            return name[: len(name) - len(ending)] or name
    return "data"


@dataclass(frozen=True)
class Remote:
    """Files of a file system below ``root``: for each name there, below the root, its path, size and tag."""

    system: Any
    is_file: bool
    files: dict[str, tuple[str, int, str]]


def _copied(url: str, called: str, name: str, progress: Progress | None) -> Copy:
    """The copy of ``url``; it is ``called`` that in messages, and its file or folder has the ``name``."""
    folder = home() / "copies" / hashlib.sha256(url.encode()).hexdigest()[:24]
    with _refusing(called):
        remote = _listed(url, name)
    files = remote.files
    with _alone(folder, called), _refusing(called):
        fetched = _bring(remote, folder / FILES / name, folder, progress)
        write_sealed_json(folder / KEPT, {"files": {below: tag for below, (_, *tag) in files.items()}})
    return Copy(folder / FILES / name, len(files), sum(size for _, size, _ in files.values()), fetched)


def _listed(url: str, name: str) -> Remote:
    """What lies at a URL; raises what its file system raises."""
    import fsspec

    system, root = fsspec.core.url_to_fs(url)
    system.invalidate_cache()
    is_file = bool(root) and system.isfile(root)
    found = {root: system.info(root)} if is_file else system.find(root, detail=True)
    if not found and not (not root or system.exists(root)):
        raise FileNotFoundError(url)
    files: dict[str, tuple[str, int, str]] = {}
    for path, info in found.items():
        below = name if is_file else _below(path, root)
        tag = next((str(info[key]) for key in TAGS if info.get(key) is not None), "")
        files[below] = (path, int(info.get("size") or 0), tag)
    if not files:
        raise DataError("it holds no files.")
    return Remote(system, is_file, files)


def _below(path: str, root: str) -> str:
    """The name of a path below the root; raises ``DataError`` for one that would leave it."""
    inner = PurePosixPath(path.strip("/")[len(root.strip("/")) :].strip("/"))
    if not inner.parts or ".." in inner.parts or "\\" in str(inner) or ":" in inner.parts[0]:
        raise DataError(f"it holds the name {shown(path)}, which leads out of the folder: it was not read.")
    return str(inner)


def _bring(remote: Remote, place: Path, folder: Path, progress: Progress | None) -> int:
    """Fetch what is missing or was changed, and remove what is gone; how many files were fetched."""
    kept = _kept(folder)
    lies = {below: place if remote.is_file else place / below for below in {*remote.files, *kept}}
    wanted = {
        below: file
        for below, file in remote.files.items()
        if kept.get(below) != [*file[1:]] or not _has(lies[below], file[1])
    }
    for below in kept.keys() - remote.files.keys():
        lies[below].unlink(missing_ok=True)
    total, done, names = sum(size for _, size, _ in wanted.values()), 0, list(wanted)
    _check_room(folder, total, len(names))
    kept = {below: fact for below, fact in kept.items() if below in remote.files and below not in wanted}
    for start in range(0, len(names), BATCH):
        batch = {below: wanted[below] for below in names[start : start + BATCH]}
        _fetch(remote.system, [(path, size, lies[below]) for below, (path, size, _) in batch.items()], folder / COMING)
        kept |= {below: [size, tag] for below, (_, size, tag) in batch.items()}
        write_sealed_json(folder / KEPT, {"files": kept})  # what is here when the next ones fail
        done += sum(size for _, size, _ in batch.values())
        if progress is not None:
            progress(f"copying {len(names):,} files ({total / 1e6:,.1f} MB)", done, max(total, 1))
    return len(names)


def _fetch(system: Any, batch: list[tuple[str, int, Path]], coming: Path) -> None:
    """Some files, beside their places first and then each into its place."""
    shutil.rmtree(coming, ignore_errors=True)
    coming.mkdir(parents=True)
    fresh = [coming / str(i) for i in range(len(batch))]
    system.get([path for path, _, _ in batch], [str(file) for file in fresh])
    for file, (path, size, place) in zip(fresh, batch, strict=True):
        if not _has(file, size):
            came = file.stat().st_size if file.is_file() else 0
            raise DataError(f"{path} came with {came:,} bytes and not its {size:,}: it changed meanwhile. Try again.")
        place.parent.mkdir(parents=True, exist_ok=True)
        file.replace(place)
    shutil.rmtree(coming)


def _has(file: Path, size: int) -> bool:
    return file.is_file() and file.stat().st_size == size


def _kept(folder: Path) -> dict[str, list[Any]]:
    """Size and tag of each file of an earlier copy."""
    with suppress(OSError, ValueError, KeyError):
        return dict(read_sealed_json(folder / KEPT)["files"])
    return {}


def _check_room(folder: Path, size: int, count: int) -> None:
    free = shutil.disk_usage(folder).free
    if size > free:
        raise DataError(
            f"{count:,} files of {size / 1e9:,.1f} GB are to be copied, and {folder} has {free / 1e9:,.1f} GB "
            "left. Name a larger disk by TRANSFERIUM_HOME, or read a part: one folder or file of it at a time."
        )


@contextmanager
def _alone(folder: Path, url: str) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{folder} cannot be written ({error.strerror}): name another by TRANSFERIUM_HOME.") from error
    handle = None
    with suppress(OSError):  # a file system without locks
        handle = take_lock(folder)
        if handle is None:
            raise DataError(f"another process is copying {url}: wait until it has ended.")
    try:
        yield
    finally:
        let_go(handle)


@contextmanager
def _refusing(url: str) -> Iterator[None]:
    """What goes wrong with a file system, as what a user can do about it."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{url}: {error}") from error
    except ImportError as error:
        raise DataError(f"{url} needs a package that is not installed here: {error}") from error
    except FileNotFoundError as error:
        raise DataError(f"{url} does not exist, or cannot be seen with these rights.") from error
    except PermissionError as error:
        raise DataError(f"{url} may not be read with the rights that are set here: {error}") from error
    except ValueError as error:
        raise DataError(f"{url} is no URL that can be read: {error}") from error
    except Exception as error:  # file systems raise the classes of their own libraries
        raise DataError(f"{url} cannot be read: {type(error).__name__}: {str(error)[:300]}") from error
