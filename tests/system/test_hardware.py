"""Cores, quotas, devices and the allocator."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from transferium.system.hardware import cuda_may_be_present, usable_cores


def test_a_quota_counts(tmp_path: Path) -> None:
    mine = len(os.sched_getaffinity(0))
    (tmp_path / "one").write_text("100000 100000\n")
    (tmp_path / "many").write_text("6400000 100000\n")
    (tmp_path / "max").write_text("max 100000\n")
    (tmp_path / "little").write_text("10000 100000\n")
    assert usable_cores(tmp_path / "one") == 1
    assert usable_cores(tmp_path / "little") == 1
    assert usable_cores(tmp_path / "many") == usable_cores(tmp_path / "max") == usable_cores(tmp_path / "no") == mine


def test_a_device_is_looked_for_without_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    (tmp_path / "0000:01:00.0").mkdir()
    assert cuda_may_be_present(tmp_path)
    for hidden in ("", " ", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
        assert not cuda_may_be_present(tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert cuda_may_be_present(tmp_path)


MAPPED = """
import ctypes, sys
from transferium.system.allocator import keep_large_blocks
if sys.argv[1] == "keep":
    assert keep_large_blocks()
libc = ctypes.CDLL(None)
class Info(ctypes.Structure):
    _fields_ = [(f"field{i}", ctypes.c_size_t) for i in range(10)]
libc.mallinfo2.restype, libc.malloc.restype = Info, ctypes.c_void_p
libc.malloc.argtypes, libc.free.argtypes = [ctypes.c_size_t], [ctypes.c_void_p]
block = libc.malloc(64 << 20)
print(libc.mallinfo2().field4 >= 64 << 20)  # hblkhd: bytes in blocks that were mapped one by one
libc.free(block)
print(libc.mallinfo2().field9 >= 64 << 20)  # keepcost: bytes at the top of the heap that stay
"""


def test_large_blocks_stay_in_the_heap() -> None:
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallinfo2"):
        pytest.skip("the C library is not glibc 2.33 or later")
    run = [sys.executable, "-c", MAPPED]
    assert subprocess.check_output([*run, "keep"], text=True).split() == ["False", "True"]
    assert subprocess.check_output([*run, "default"], text=True).split() == ["True", "False"]
