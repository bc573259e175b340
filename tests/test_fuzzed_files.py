"""Randomly damaged files of every reader raise errors of ours alone. ``benchmarks/fuzz.py`` is the long version."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from transferium.errors import DataError
from worlds.fuzzing import Reader, damaged, readers, wrong

EACH = 12


@pytest.mark.timeout(120)
def test_no_reader_raises_an_error_that_is_not_ours(tmp_path: Path) -> None:
    every = readers(tmp_path)
    assert len({Path(reader.name).suffix for reader in every}) > 15
    found = [
        (reader.name, number, repr(error)) for reader in every for number, error in wrong(reader, tmp_path, EACH, 0)
    ]
    assert not found


def test_the_fuzzing_sees_a_foreign_error_and_passes_ours(tmp_path: Path) -> None:
    def read(path: Path) -> None:
        if len(path.read_bytes()) % 2:
            raise DataError("ours")
        raise KeyError("theirs")

    found = list(wrong(Reader("x", b"0123456789", read), tmp_path, 40, 0))
    assert 0 < len(found) < 40 and all(isinstance(error, KeyError) for _, error in found)


def test_damage_changes_something_nearly_always() -> None:
    content, draw = bytes(range(256)), np.random.default_rng(0)
    assert sum(damaged(content, draw) != content for _ in range(200)) > 190
