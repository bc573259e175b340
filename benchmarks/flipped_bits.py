"""One flipped bit in every file that is read back: how many change a result without a word?

Kinds of files: a model's description, head, graph and weights, a candidate's head and list, a checkpoint, the command
of a run, a decision, a description in the cache, and the rows of the feature store. A flip is silent where what comes
back differs from what was written and neither an error nor a warning was given. ``tests/test_flipped_bits.py`` is the
short version.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from record import record

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flips", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    from worlds.flipping import flip, kept_files

    with tempfile.TemporaryDirectory() as folder:
        files = kept_files(Path(folder))
        each = -(-given.flips // len(files))
        figures = {}
        for file in files:
            figures[file.what] = dict(Counter(flip(file, each, given.seed)))
            print(f"{file.what:32} {figures[file.what]}", flush=True)
    total = {how: sum(found.get(how, 0) for found in figures.values()) for how in ("said", "same", "silent")}
    print(total)
    record("flipped_bits", {"flips": each * len(files), "total": total, "files": figures})


if __name__ == "__main__":
    main()
