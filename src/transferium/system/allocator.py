"""A memory setting: large blocks stay in the process and are not given back to the system after every layer."""

from __future__ import annotations

import ctypes
import sys
from functools import cache

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4


@cache
def keep_large_blocks() -> bool:
    """Tell glibc, once per process, to serve large blocks from a heap that it does not shrink.

    By default every large activation is mapped when it is made and unmapped when it dies, and each step faults its
    pages in again (tens of thousands of faults per image at batch 32). Call this before the first large torch
    allocation. The price: memory that was needed once stays with the process. Returns whether the setting was taken;
    it is not where the C library is another one.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, 2**31 - 1), (_M_TOP_PAD, 64 << 20))
    return all(mallopt(name, value) == 1 for name, value in settings)
