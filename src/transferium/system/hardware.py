"""The hardware of this machine: the processor cores that this process may use, and whether there is a CUDA device."""

from __future__ import annotations

import os
import platform
import sys
from contextlib import suppress
from pathlib import Path

from transferium.system.processes import here


def usable_cores(quota: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """How many cores this process may keep busy: its affinity, or its control group's quota where that is less.

    Processes that were launched together on this machine share them.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):  # no control group, or "max": no quota
        allowed, period = quota.read_text(encoding="ascii").split()
        cores = min(cores, round(int(allowed) / int(period)))
    return max(1, cores // here())


def machine_name(cpus: Path = Path("/proc/cpuinfo")) -> str:
    """The processor and how many of its cores this process may use, as in ``Some CPU, 2 cores``."""
    name = platform.processor() or platform.machine()
    with suppress(OSError):
        lines = cpus.read_text(encoding="utf-8", errors="replace").splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
    cores = usable_cores()
    return f"{name}, {cores} core{'s' if cores > 1 else ''}"


def peak_memory() -> int | None:
    """The most bytes that this process has had in memory so far; None where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(most) if sys.platform == "darwin" else int(most) * 1024


def cuda_may_be_present(driver: Path = Path("/proc/driver/nvidia/gpus")) -> bool:
    """Whether asking torch for a CUDA device is worth its import; answers in microseconds.

    Looks for the driver's own list of devices, and honours an empty or negative ``CUDA_VISIBLE_DEVICES``.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None and (not visible.strip() or visible.strip().startswith("-")):
        return False
    if sys.platform == "win32":
        return (Path(os.environ.get("SYSTEMROOT", "C:/Windows")) / "System32" / "nvcuda.dll").exists()
    return (driver.is_dir() and any(driver.iterdir())) or Path("/dev/dxg").exists()


def machine_memory(limit: Path = Path("/sys/fs/cgroup/memory.max")) -> float | None:
    """Gigabytes of memory that this process may use: the machine's, or its control group's where that is less.

    None where the system does not say.
    """
    try:
        found = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None
    with suppress(OSError, ValueError):  # no control group, or "max": no limit
        found = min(found, int(limit.read_text(encoding="ascii")))
    return found / 1e9
