"""Training killed with SIGKILL at random moments and resumed: are the final weights those of a run that was not?

The runs are those of ``tests/training/resume/interrupted.py``: small networks with everything a checkpoint must hold.
Each is killed after a random number of steps and a random pause, in whatever it is doing then, and gone on with.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path.insert(0, str(TESTS))

METHODS = "finetune,lpft,gradual,ema,delta"


def killed(name: str, folder: Path, total: int, dice: random.Random) -> int | None:
    """Train row ``name`` in a process of its own, kill it, and say after which step; None where it ended first."""
    from training.resume.interrupted import started

    process = started(name, folder, dice.randint(1, max(1, total - 2)))
    time.sleep(dice.random() * 0.1)
    process.kill()
    process.join()
    steps = 0
    while process.hear.poll():
        try:
            steps = process.hear.recv()[0]
        except EOFError:
            break
    return steps if process.exitcode == -signal.SIGKILL else None


def trial(name: str, expected: tuple[Any, Any], dice: random.Random) -> dict[str, Any] | None:
    """Kill once, resume, and compare weights and the log of steps with the uninterrupted run's."""
    from training.resume.interrupted import train
    from transferium.training.logs.journal import LOG, read_log
    from worlds.toy import same, weights

    with tempfile.TemporaryDirectory() as folder:
        if killed(name, Path(folder), len(expected[1]), dice) is None:
            return None
        kept = sorted(p.name for p in Path(folder).glob("*.safetensors"))
        model, history = train(name, folder)
        told = [e["step"] for e in read_log(Path(folder) / LOG) if "event" not in e]
    return {
        "method": name,
        "found": kept,
        "weights_identical": same(weights(model), expected[0]),
        "history_identical": history == expected[1],
        "log_complete": told == [row["step"] for row in expected[1]],
    }


def main() -> None:
    """Run the kills in turn over the methods and record them."""
    from record import record
    from training.resume.interrupted import ROWS, train
    from worlds.toy import weights

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--methods", default=METHODS, help=f"rows, with commas between, of: {', '.join(ROWS)}")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    names, dice, rows = asked.methods.split(","), random.Random(asked.seed), []
    expected = {}
    for name in names:
        model, history = train(name)
        expected[name] = weights(model), history
    while len(rows) < asked.kills:
        name = names[len(rows) % len(names)]
        if (row := trial(name, expected[name], dice)) is not None:
            rows.append(row)
            print(row, flush=True)
    good = sum(r["weights_identical"] and r["history_identical"] and r["log_complete"] for r in rows)
    by_method = {name: sum(r["method"] == name and r["weights_identical"] for r in rows) for name in names}
    record("kills", {"kills": len(rows), "identical": good, "identical_by_method": by_method, "rows": rows})


if __name__ == "__main__":
    main()
