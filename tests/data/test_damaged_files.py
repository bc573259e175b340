"""Files that are damaged, hostile or no files at all end in one error with their name, at once and in little memory."""

from __future__ import annotations

import io
import json
import os
import struct
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from transferium.data.doctor.scan import scan
from transferium.data.read import read
from transferium.errors import DataError


def npz() -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, x=np.random.default_rng(0).random((40, 9)), y=np.arange(40) % 2)
    return stream.getvalue()


def table() -> bytes:
    stream = io.BytesIO()
    parquet.write_table(pa.table({"text": ["a", "b", "c"] * 50, "label": [0, 1, 0] * 50}), stream)
    return stream.getvalue()


def changed(content: bytes, at: int, to: bytes) -> bytes:
    return content[:at] + to + content[at + len(to) :]


def npy_of(shape: tuple[int, ...]) -> bytes:
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + b"\0" * 99


def bomb() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x.npy", "w") as entry:
        entry.write(npy_of((100 << 20, 1))[:-99])
        for _ in range(400):
            entry.write(bytes(1 << 20))
    return stream.getvalue()


def repeated() -> bytes:
    stream = io.BytesIO()
    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(40 << 20, np.int8)), pa.array(["one"]))
    parquet.write_table(pa.table({"text": column}), stream)
    return stream.getvalue()


CENTRAL = npz().find(b"PK\x01\x02")
DAMAGED = {
    "deflate.npz": lambda: changed(npz(), 120, b"\xff" * 20),
    "encrypted.npz": lambda: changed(npz(), CENTRAL + 8, b"\x01"),
    "method.npz": lambda: changed(npz(), CENTRAL + 10, b"\x63"),
    "large.npy": lambda: npy_of((10**9, 1000)),
    "endless.npy": lambda: npy_of((10**30,)),
    "bomb.npz": bomb,
    "footer.parquet": lambda: changed(
        table(), len(table()) - 8 - int.from_bytes(table()[-8:-4], "little"), b"\xff" * 12
    ),
    "page.parquet": lambda: changed(table(), 30, b"\xaa" * 30),
    "repeated.parquet": repeated,
    "deep.jsonl": lambda: b'{"text": ' + b"[" * 200_000 + b"]" * 200_000 + b"}\n",
    "lines.jsonl": lambda: b'{"text": [\n' * 200_000,
    "long.csv": lambda: b"text,label\n" + b'"' * 300_001,
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_is_one_error_with_the_name_of_the_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(DAMAGED[name]())
    with pytest.raises(DataError, match=name):
        scan(read(tmp_path / name))


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.parquet", "t.jsonl", "t.npz", "t.npy"])
def test_a_pipe_and_a_device_are_not_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(DataError, match=rf"{name}.*a pipe and not a file"):
        read(tmp_path / name)
    (tmp_path / name).unlink()
    (tmp_path / name).symlink_to("/dev/zero")
    with pytest.raises(DataError, match=rf"{name}.*a device and not a file"):
        read(tmp_path / name)


def test_a_file_of_holes_is_not_read(tmp_path: Path) -> None:
    for name in ("t.csv", "t.npy", "t.png"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(1 << 40)
    for name in ("t.csv", "t.npy"):
        with pytest.raises(DataError, match=f"{name}.*almost all of it is empty space"):
            read(tmp_path / name)
    assert "almost all of it is empty space" in scan(read(tmp_path / "t.png")).problems[0]


def test_pictures_that_are_no_files_are_named_and_the_others_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    (tmp_path / "circle.png").symlink_to("circle.png")
    (tmp_path / "fine.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    cells = [f"{name}.png" for name in ("pipe", "zero", "circle", "fine")]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps({"image": cell}) + "\n" for cell in cells))
    problems = scan(read(tmp_path / "t.jsonl")).problems
    assert sorted(problems) == [0, 1, 2]
    assert "a pipe and not a file" in problems[0] and "a device and not a file" in problems[1]


def test_brackets_in_a_text_are_no_nesting(tmp_path: Path) -> None:
    texts = ["[" * 500, '\\"[' * 300, "{]"]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps({"text": text, "x": [[1], [2]]}) + "\n" for text in texts))
    assert [read(tmp_path / "t.jsonl").samples.raw(i) for i in range(3)] == texts
