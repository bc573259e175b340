"""Locks on folders: one process at a time works in a folder, and a lock ends with its process, however that ends."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from transferium.errors import InputError
from transferium.system.processes import rank

PARTIAL, OLD = ".partial", ".old"
"""The endings of the hidden folders in which something is made, and of those that were replaced."""
_held: set[int] = set()


def take_lock(folder: Path) -> int | None:
    """A handle that holds the lock of a folder until :func:`let_go`; None where another process holds it.

    ``OSError`` where the folder is not there, or its file system has no locks.
    """
    try:
        import fcntl
    except ImportError as error:  # Windows
        raise OSError("there are no locks on folders here") from error
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(handle), folder.stat()):
            raise BlockingIOError  # another folder took its place meanwhile
    except BaseException as error:
        os.close(handle)
        if isinstance(error, BlockingIOError):
            return None
        raise
    _held.add(handle)
    return handle


def let_go(handle: int | None) -> None:
    """Give a lock back."""
    if handle in _held:
        _held.remove(handle)
        os.close(handle)


def _drop_all() -> None:
    """A forked process works for the one that has the lock: it must not keep it when that one is killed."""
    for handle in tuple(_held):
        let_go(handle)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_drop_all)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Work in ``folder``, made if need be, while no other process does; ``InputError`` where one is at work there.

    What a killed process left beside it is removed. A folder that was made here and is empty at the end goes again.
    Of several processes of one job the first alone holds the lock. Where a folder cannot be made or locked, there is
    none: what is wrong with it is for the writing to say.
    """
    handle, made = None, []
    if rank() == 0:
        with suppress(OSError):
            made = _make(folder)
            sweep(folder)
            handle = take_lock(folder)
            if handle is None:
                raise InputError(
                    f"another process is at work in {folder}; nothing was changed. Wait until it has ended, or name "
                    "another --out."
                )
    try:
        yield
    finally:
        let_go(handle)
        for path in reversed(made):
            with suppress(OSError):  # something is in it now
                path.rmdir()


def _make(folder: Path) -> list[Path]:
    """Make a folder and those above it; the new ones."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()][::-1]
    folder.mkdir(parents=True, exist_ok=True)
    return missing


def sweep(folder: Path) -> None:
    """Remove the hidden folders beside ``folder`` in which a process that was killed made or replaced it.

    Where it was killed between two renames, what was there before is put back.
    """
    for ending in (OLD, PARTIAL):
        for left in folder.parent.glob(f".{folder.name}.*{ending}"):
            with suppress(OSError):
                handle = take_lock(left)
                if handle is None:
                    continue
                if ending == OLD and not folder.exists():
                    left.rename(folder)
                else:
                    shutil.rmtree(left, ignore_errors=True)
                let_go(handle)
