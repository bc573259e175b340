"""The energy that this machine's processors have used, where Linux tells it (RAPL)."""

from __future__ import annotations

from pathlib import Path

POWERCAP = Path("/sys/class/powercap")


def joules_since(before: dict[Path, int], counters: dict[Path, int]) -> float | None:
    """The joules between two readings of :func:`energy_counters`; None where nothing could be read.

    A counter that began anew is taken to have done so once.
    """
    if not before or before.keys() != counters.keys():
        return None
    used = 0
    for zone, now in counters.items():
        span = now - before[zone]
        used += span if span >= 0 else span + int((zone / "max_energy_range_uj").read_text())
    return used / 1e6


def energy_counters(powercap: Path = POWERCAP) -> dict[Path, int]:
    """Microjoules by processor package; empty where there are none, or they may not be read."""
    found = {}
    try:
        for zone in sorted(powercap.glob("intel-rapl:*")):
            if zone.name.count(":") == 1:  # a part of a package has two, and is counted in it
                found[zone] = int((zone / "energy_uj").read_text())
    except (OSError, ValueError):
        return {}
    return found
