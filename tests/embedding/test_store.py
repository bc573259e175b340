"""The feature store keeps what it is given, and loses it without harm."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import subprocess
import time
import warnings
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from transferium.embedding.store.store import FeatureStore, parse_size
from transferium.embedding.store.table import Row
from transferium.errors import InputError, TransferiumWarning
from transferium.models.backbone import Backbone
from worlds.domains import tiny

BACKBONE = tiny()


def key(i: int) -> str:
    return f"{i:064x}"


def rows(numbers: range, width: int = 6) -> list[Row]:
    return [Row(key(i), np.full(width, i, np.float32)) for i in numbers]


def filled(home: Path, backbone: Backbone = BACKBONE, count: int = 10) -> Path:
    store = FeatureStore(home)
    with store.open(backbone, "onnx") as space:
        space.write(rows(range(count)))
        return space.path


def stored(store: FeatureStore, backbone: Backbone = BACKBONE, engine: str = "onnx", count: int = 10) -> dict[str, Row]:
    with store.open(backbone, engine) as space:
        return {row.key: row for row in space.read([key(i) for i in range(count)])}


def test_what_was_written_is_read(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path)
    with store.open(BACKBONE, "onnx") as space:
        space.write([*rows(range(3)), Row(key(3), None, "truncated JPEG")])
        assert space.works
    found = stored(FeatureStore(tmp_path))
    assert set(found) == {key(i) for i in range(4)}
    assert found[key(2)].vector is not None
    assert found[key(2)].vector.tolist() == [2.0] * 6
    assert (found[key(3)].vector, found[key(3)].reason) == (None, "truncated JPEG")


def test_backbone_preprocessing_and_engine_have_spaces_of_their_own(tmp_path: Path) -> None:
    filled(tmp_path)
    store = FeatureStore(tmp_path)
    assert len(stored(store)) == 10
    assert not stored(store, replace(BACKBONE, fingerprint="f" * 64))
    assert not stored(store, replace(BACKBONE, preprocess=BACKBONE.preprocess.resized(24)))
    assert not stored(store, engine="torch")


def test_a_damaged_row_is_absent_and_said(tmp_path: Path) -> None:
    path = filled(tmp_path)
    with sqlite3.connect(path) as db:
        vector = bytearray(db.execute("SELECT vector FROM features WHERE key=?", [bytes.fromhex(key(4))]).fetchone()[0])
        vector[5] ^= 1
        db.execute("UPDATE features SET vector=? WHERE key=?", [bytes(vector), bytes.fromhex(key(4))])
        db.execute("UPDATE features SET vector=? WHERE key=?", [b"short", bytes.fromhex(key(5))])
    db.close()
    store = FeatureStore(tmp_path)
    with pytest.warns(TransferiumWarning, match="2 stored feature rows in .* are damaged and are computed again"):
        assert set(stored(store)) == {key(i) for i in range(10) if i not in (4, 5)}
    with store.open(BACKBONE, "onnx") as space:
        space.write(rows(range(4, 6)))
    assert len(stored(store)) == 10


def test_a_row_under_another_key_is_absent_and_one_of_before_is_found(tmp_path: Path) -> None:
    path = filled(tmp_path)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE features SET key=? WHERE key=?", [bytes.fromhex(key(77)), bytes.fromhex(key(4))])
        for row, vector in db.execute("SELECT key, vector FROM features").fetchall()[:2]:
            if vector is not None:  # a row as it was written before its key was in the checksum
                db.execute("UPDATE features SET checksum=? WHERE key=?", [zlib.crc32(vector), row])
    db.close()
    store = FeatureStore(tmp_path)
    damaged = pytest.warns(TransferiumWarning, match="1 stored feature rows in .* are damaged and are computed again")
    with store.open(BACKBONE, "onnx") as space, damaged:
        found = {row.key for row in space.read([key(77), *map(key, range(10))])}
    assert found == {key(i) for i in range(10) if i != 4}


@pytest.mark.parametrize("damage", [b"this is no database at all" * 100, b""])
def test_a_damaged_file_is_set_aside(tmp_path: Path, damage: bytes) -> None:
    path = filled(tmp_path)
    content = path.read_bytes()
    path.write_bytes(damage or content[: len(content) // 3] + b"\xff" * (len(content) // 3))
    store = FeatureStore(tmp_path)
    with pytest.warns(TransferiumWarning, match=r"stored features in .* are damaged \(.*\): set aside as .*damaged-"):
        assert not stored(store)
    with store.open(BACKBONE, "onnx") as space:
        space.write(rows(range(2)))
    assert len(stored(FeatureStore(tmp_path))) == 2
    assert len(list(store.folder.glob("*.damaged-*"))) == 1


def test_a_home_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    store = FeatureStore(tmp_path / "file")
    with pytest.warns(TransferiumWarning, match="features are not stored in .*The run goes on without"):
        assert not stored(store)
    with warnings.catch_warnings():  # said once
        warnings.simplefilter("error")
        with store.open(BACKBONE, "onnx") as space:
            space.write(rows(range(3)))
            assert not space.works


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    """A file system of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False
    ).returncode:
        pytest.skip("a small file system cannot be mounted here: that needs the right to mount")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk(small_disk: Path) -> None:
    wide = replace(BACKBONE, width=20_000)
    store = FeatureStore(small_disk)
    with (
        pytest.warns(TransferiumWarning, match=r"features are not stored in .*: the disk is full. The run goes on"),
        store.open(wide, "onnx") as space,
    ):
        for start in range(0, 30, 5):
            space.write(rows(range(start, start + 5), 20_000))
        assert not space.works
    assert 0 < len(stored(FeatureStore(small_disk), wide, count=30)) < 30  # what fitted is whole


def test_a_read_only_disk(tmp_path: Path) -> None:
    filled(tmp_path)
    options = ["mount", "--bind", tmp_path, tmp_path], ["mount", "-o", "remount,ro,bind", tmp_path]
    if subprocess.run(options[0], capture_output=True, check=False).returncode:
        pytest.skip("a read-only file system cannot be mounted here: that needs the right to mount")
    try:
        subprocess.run(options[1], check=True)
        with pytest.warns(TransferiumWarning, match=r"features are not stored in .*The run goes on without"):
            stored(FeatureStore(tmp_path))
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_the_least_recently_used_go_first(tmp_path: Path) -> None:
    backbones = [replace(BACKBONE, name=f"b{i}", fingerprint=f"{i}" * 64) for i in range(3)]
    paths = [filled(tmp_path, backbone) for backbone in backbones]
    now = time.time()
    for path, age in zip(paths, (50, 200, 100), strict=True):
        os.utime(path, (now - age, now - age))
    store = FeatureStore(tmp_path)
    assert [space["name"] for space in store.spaces()] == ["b0", "b2", "b1"]
    one = store.size_bytes() // 3
    assert store.prune(2 * one) == one
    assert [space["name"] for space in store.spaces()] == ["b0", "b2"]
    store.limit = 0
    store.enforce_limit(keep={paths[2]})
    assert [space["name"] for space in store.spaces()] == ["b2"]


def test_pruning_by_name_and_all(tmp_path: Path) -> None:
    filled(tmp_path)
    filled(tmp_path, replace(BACKBONE, name="other", fingerprint="1" * 64))
    store = FeatureStore(tmp_path)
    described = store.spaces()[0]
    assert set(described) >= {"name", "engine", "width", "examples", "bytes", "used"}
    assert (described["examples"], described["width"]) == (10, 6)
    with pytest.raises(InputError, match=r"cannot prune 'othr': .* Did you mean 'other'\?"):
        store.prune("othr")
    for unitless in ("10", " 2.5 ", "0"):
        with pytest.raises(
            InputError, match=r"it has no unit, and as bytes .* remove all of Sequential, other .* write .*GB or"
        ):
            store.prune(unitless)
    assert len(store.spaces()) == 2
    assert store.prune("other") > 0
    assert [space["name"] for space in store.spaces()] == [BACKBONE.name]
    assert store.prune("10GB") == 0
    assert store.prune("all") > 0
    assert store.spaces() == []
    assert store.size_bytes() == 0


def test_one_space_above_the_limit_stops_growing(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path, limit=1_000_000)
    with store.open(BACKBONE, "onnx") as space:
        for start in range(0, 400, 100):
            space.write(rows(range(start, start + 100)))
        with pytest.warns(TransferiumWarning, match=r"limit of 1,000,000 bytes .* Raise TRANSFERIUM_STORE_LIMIT"):
            for start in range(400, 20_000, 100):
                space.write(rows(range(start, start + 100)))
    assert 400 <= len(stored(store, count=20_000)) < 10_000


def test_the_limit_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSFERIUM_STORE_LIMIT", "2 GB")
    monkeypatch.setenv("TRANSFERIUM_HOME", str(tmp_path / "elsewhere"))
    store = FeatureStore()
    assert (store.limit, store.home) == (2_000_000_000, tmp_path / "elsewhere")


@pytest.mark.parametrize("text", ["much", "-1", "5 QB", "", "1e3"])
def test_what_is_not_a_size(text: str) -> None:
    with pytest.raises(InputError, match="is not a size: write a number of bytes, or 500MB"):
        parse_size(text)


def write_many(home: Path, start: int) -> None:
    store = FeatureStore(home)
    with store.open(BACKBONE, "onnx") as space:
        for i in range(start, start + 200, 2):
            space.write(rows(range(i, i + 2)))


def test_processes_share_a_space(tmp_path: Path) -> None:
    """Two at once, with overlapping keys: every row is there and whole."""
    context = multiprocessing.get_context("spawn")
    both = [context.Process(target=write_many, args=(tmp_path, start)) for start in (0, 100)]
    for process in both:
        process.start()
    for process in both:
        process.join(60)
        assert process.exitcode == 0
    assert len(stored(FeatureStore(tmp_path), count=300)) == 300


def test_ten_thousand_wide_rows_come_back_fast(tmp_path: Path) -> None:
    """51 MB of features; about 0.2 s where nothing else runs."""
    wide, store = replace(BACKBONE, width=1280), FeatureStore(tmp_path)
    vectors = np.random.default_rng(0).standard_normal((10_000, 1280)).astype(np.float32)
    with store.open(wide, "onnx") as space:
        space.write([Row(key(i), vector) for i, vector in enumerate(vectors)])
    started = time.perf_counter()
    with store.open(wide, "onnx") as space:
        back = {row.key: row.vector for row in space.read([key(i) for i in range(10_000)])}
    seconds = time.perf_counter() - started
    assert all((back[key(i)] == vectors[i]).all() for i in range(0, 10_000, 97))
    assert len(back) == 10_000
    assert seconds < 3
