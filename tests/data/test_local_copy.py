"""Data at a URL or in an archive reads as the same files here do, is fetched once, and says what is wrong."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest

import transferium as tm
from transferium.data.remote.local_copy import is_remote, local_copy
from transferium.errors import DataError
from transferium.system import extras
from worlds.images import RED_GREEN, write_images

TABLE = b"text,label\ngood,+\nbad,-\nfine,+\n"


@pytest.fixture(autouse=True)
def memory(own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The file system in memory, empty; copies go to a place of this test."""
    monkeypatch.setenv("TRANSFERIUM_HOME", str(tmp_path / "home"))
    system = fsspec.filesystem("memory")
    yield system
    system.store.clear()
    system.pseudo_dirs[:] = [""]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Class folders of pictures."""
    return write_images(tmp_path / "flowers", RED_GREEN, 3)


def alike(first: tm.Domain, second: tm.Domain) -> None:
    """Both hold the same examples under the same names, with the same labels."""
    assert (first.ids, first.name, first.classes) == (second.ids, second.name, second.classes)
    assert np.array_equal(first.y, second.y)
    assert [first.samples.raw(i) for i in range(len(first))] != [] and len(first) == len(second)


def test_a_folder_at_a_url_reads_as_it_does_here_and_is_fetched_once(folder: Path, memory: Any) -> None:
    memory.put(str(folder), "/bucket/flowers", recursive=True)
    url = "memory://bucket/flowers"
    alike(tm.read(url), tm.read(folder))
    assert local_copy(url).fetched == 0
    changed = next(iter(memory.find("/bucket/flowers")))
    memory.pipe(changed, b"no picture any more")
    gone = list(memory.find("/bucket/flowers"))[-1]
    memory.rm(gone)
    copy = local_copy(url)
    assert (copy.fetched, copy.files) == (1, len(list(memory.find("/bucket/flowers"))))
    here = sorted(str(file.relative_to(copy.path)) for file in copy.path.rglob("*") if file.is_file())
    assert here == sorted(name.removeprefix("/bucket/flowers/") for name in memory.find("/bucket/flowers"))
    assert (copy.path / changed.removeprefix("/bucket/flowers/")).read_bytes() == b"no picture any more"


@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz"])
def test_archives_here_and_at_a_url(ending: str, folder: Path, memory: Any, tmp_path: Path) -> None:
    packed = tmp_path / f"flowers.{ending}"
    if ending == "zip":
        with zipfile.ZipFile(packed, "w") as archive:
            for file in sorted(folder.rglob("*.png")):
                archive.write(file, file.relative_to(folder))
    else:
        with tarfile.open(packed, "w:gz" if "gz" in ending else "w") as archive:
            archive.add(folder, ".")
    alike(tm.read(packed), tm.read(folder))
    memory.put(str(packed), f"/bucket/flowers.{ending}")
    alike(tm.read(f"memory://bucket/flowers.{ending}"), tm.read(folder))


def test_a_table_a_part_of_an_archive_and_a_file_url(memory: Any, tmp_path: Path) -> None:
    memory.pipe("/bucket/words.csv", TABLE)
    (tmp_path / "words.csv").write_bytes(TABLE)
    here = tm.read(tmp_path / "words.csv")
    alike(tm.read("memory://bucket/words.csv"), here)
    alike(tm.read(f"file://{tmp_path}/words.csv"), here)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("inner/words.csv", TABLE)
        archive.writestr("notes.txt", "…")
    memory.pipe("/bucket/all.zip", content.getvalue())
    alike(tm.read("zip://inner/words.csv::memory://bucket/all.zip"), here)


def test_what_cannot_be_read_says_why(memory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("../../outside.csv", TABLE)
    (tmp_path / "odd.zip").write_bytes(content.getvalue())
    (tmp_path / "damaged.zip").write_bytes(b"PK no archive")
    memory.mkdir("/bucket/empty")
    wrong = {
        "memory://bucket/none": "does not exist, or cannot be seen",
        "memory://bucket/empty": "holds no files",
        "nothing://bucket/a": "Protocol not known: nothing",
        str(tmp_path / "none.zip"): "does not exist",
        str(tmp_path / "odd.zip"): "leads out of the folder",
        str(tmp_path / "damaged.zip"): "cannot be read: BadZipFile",
    }
    for source, said in wrong.items():
        with pytest.raises(DataError, match=said):
            tm.read(source)
    assert not (tmp_path / "home" / "outside.csv").exists() and not (tmp_path / "outside.csv").exists()

    memory.pipe("/bucket/words.csv", TABLE)
    for raised, said in ((PermissionError("403"), "may not be read with the rights"), (RuntimeError("x"), "RuntimeEr")):
        with monkeypatch.context() as patched:
            patched.setattr(type(memory), "info", _raising(raised))
            with pytest.raises(DataError, match=said):
                tm.read("memory://bucket/words.csv")
    with monkeypatch.context() as patched:
        patched.setattr("transferium.data.remote.local_copy.shutil.disk_usage", lambda _: type("Free", (), {"free": 3}))
        with pytest.raises(DataError, match=r"1 files of 0.0 GB are to be copied"):
            tm.read("memory://bucket/words.csv")
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(extras.MissingExtraError, match=r"transferium\[remote\]"):
        tm.read("memory://bucket/words.csv")


def _raising(error: Exception) -> Callable[..., Any]:
    def call(*_: object, **__: object) -> Any:
        raise error

    return call


def test_what_was_fetched_stays_when_the_rest_cannot_be(memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(5):
        memory.pipe(f"/bucket/many/{i}.csv", TABLE)
    monkeypatch.setattr("transferium.data.remote.local_copy.BATCH", 2)
    get = type(memory).get

    def until_the_last(self: Any, paths: list[str], *others: Any) -> Any:
        if "/bucket/many/4.csv" in paths:
            raise ConnectionError("the line is cut")
        return get(self, paths, *others)

    with monkeypatch.context() as patched:
        patched.setattr(type(memory), "get", until_the_last)
        with pytest.raises(DataError, match="ConnectionError: the line is cut"):
            local_copy("memory://bucket/many")
    copy = local_copy("memory://bucket/many")
    assert (copy.files, copy.fetched) == (5, 1)


def test_paths_are_no_urls(tmp_path: Path) -> None:
    (tmp_path / "old.zip").mkdir()
    assert not any(map(is_remote, [tmp_path / "old.zip", "a:b", "C:\\photos", "x.csv", ""]))
