"""Small valid files of every reader, damaged at random: how many are read with an error that is not one of ours?

The files and the damage are those of ``tests/worlds/fuzzing.py``. Each reader works in a process of its own, which a
parser may take down with it: that counts as a wrong exception too, as does more than ten seconds for one file.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import traceback
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path

from record import record

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
PART = 250
PATIENCE_S = 600


def work(number: int, count: int, seed: int, say: Connection) -> None:
    """Read ``count`` damaged files of one reader; send how many were read, and each wrong exception."""
    from worlds.fuzzing import readers, wrong

    with tempfile.TemporaryDirectory() as folder:
        reader = readers(Path(folder))[number]
        for at, error in wrong(reader, Path(folder), count, seed):
            frame = traceback.extract_tb(error.__traceback__)[-1]
            say.send(
                (
                    reader.name,
                    seed,
                    at,
                    f"{type(error).__name__}: {str(error)[:120]}",
                    f"{frame.filename}:{frame.lineno}",
                )
            )
        say.send(None)


def run_part(number: int, name: str, seed: int) -> list[tuple[str, ...]]:
    """The wrong exceptions of one part of one reader's files."""
    hear, say = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=work, args=(number, PART, seed, say))
    process.start()
    say.close()
    found, ended = [], False
    try:
        while hear.poll(PATIENCE_S):
            told = hear.recv()
            ended = told is None
            if ended:
                break
            found.append(tuple(map(str, told)))
    except EOFError:
        pass
    if not ended:
        process.kill()
        found.append((name, str(seed), "?", "the process ended or hung", ""))
    process.join()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="readers whose name holds this")
    given = parser.parse_args()
    from worlds.fuzzing import readers

    with tempfile.TemporaryDirectory() as folder:
        names = [reader.name for reader in readers(Path(folder))]
    chosen = [i for i, name in enumerate(names) if given.only in name]
    parts = -(-given.files // (PART * len(chosen)))
    found = []
    for number in chosen:
        mine = [line for part in range(parts) for line in run_part(number, names[number], given.seed + part)]
        print(f"{names[number]:28} {len(mine):5} wrong of {parts * PART}", flush=True)
        for what, times in Counter(line[3:] for line in mine).most_common(8):
            print("   ", times, *what, "e.g. seed, number", *next(line[1:3] for line in mine if line[3:] == what))
        found += mine
    total = parts * PART * len(chosen)
    print(f"{len(found)} wrong of {total}")
    if not given.only:
        record("fuzz", {"files": total, "readers": len(chosen), "wrong": len(found)})


if __name__ == "__main__":
    main()
