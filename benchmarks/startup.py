"""Seconds of ``transferium --help`` and ``import transferium``: the median of ten whole processes each."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

from record import record


def median_seconds(command: list[str], runs: int = 10) -> float:
    """Median wall time of a whole process, after one run that is not counted."""
    times = []
    for _ in range(runs + 1):
        begin = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - begin)
    return statistics.median(times[1:])


if __name__ == "__main__":
    program = Path(sys.executable).parent / "transferium"
    record(
        "startup",
        {
            "help_s": round(median_seconds([str(program), "--help"]), 3),
            "import_s": round(median_seconds([sys.executable, "-c", "import transferium"]), 3),
            "bare_python_s": round(median_seconds([sys.executable, "-c", "pass"]), 3),
        },
    )
