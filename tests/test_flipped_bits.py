"""A flipped bit in a file that is read back is said, or changes nothing. ``benchmarks/flipped_bits.py`` is longer."""

from __future__ import annotations

from pathlib import Path

from worlds.flipping import flip, kept_files

EACH = 8


def test_no_flipped_bit_changes_a_result_without_a_word(tmp_path: Path) -> None:
    files = kept_files(tmp_path)
    assert len(files) == 13
    found = {file.what: list(flip(file, EACH, 0)) for file in files}
    assert not [what for what, how in found.items() if "silent" in how]
    sealed = [
        what for what in found if what not in ("the feature store", "decision.json", "a description in the cache")
    ]
    assert all(set(found[what]) == {"said"} for what in sealed), "every bit of these is under a digest"
