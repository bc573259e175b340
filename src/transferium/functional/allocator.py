"""Keep freed memory in the process: without this, training and inference on a CPU fault every activation in anew."""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4


def tune_allocator() -> bool:
    """Tell glibc to keep large blocks instead of returning them to the system; whether it took the setting.

    Call it before torch allocates for the first time. It makes eager CPU steps with large activations up to three times
    faster, and costs memory that stays with the process. Other C libraries are left alone.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        libc = ctypes.CDLL("libc.so.6")
        settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, 2**31 - 1), (_M_TOP_PAD, 64 << 20))
        return [libc.mallopt(what, value) for what, value in settings] == [1, 1, 1]
    except (OSError, AttributeError):
        return False
