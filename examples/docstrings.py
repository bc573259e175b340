"""Write the docstrings of Python's standard library, with the area that each belongs to, as a table of texts.

python examples/docstrings.py demo/docstrings.csv

Real texts that are on every machine: 70 functions, classes and methods of each of six areas, without their names.
"""

from __future__ import annotations

import csv
import inspect
import random
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

AREAS = {
    "files": "os pathlib shutil tempfile zipfile tarfile fileinput glob",
    "internet": "http.client http.cookiejar urllib.request urllib.parse socket ssl ftplib smtplib imaplib ipaddress",
    "numbers": "math cmath decimal fractions statistics random numbers operator",
    "processes": "threading multiprocessing.pool multiprocessing.context asyncio subprocess queue sched signal",
    "testing": "unittest unittest.mock doctest pdb bdb trace cProfile timeit tracemalloc",
    "text": "re string textwrap difflib unicodedata codecs json csv configparser html.parser email.message",
}
EACH = 70
SHORTEST = 40


def docstrings(module: ModuleType) -> Iterator[str]:
    """The docstrings of what ``module`` offers, methods included; of long ones the first 500 characters."""
    own = [name for name, thing in vars(module).items() if getattr(thing, "__module__", None) == module.__name__]
    for name in getattr(module, "__all__", own):
        thing = getattr(module, name)
        if name.startswith("_") or not callable(thing):
            continue
        members = vars(thing).values() if inspect.isclass(thing) else ()
        for documented in (thing, *(m for m in members if callable(m))):
            text = " ".join((inspect.getdoc(documented) or "").split())
            if len(text) >= SHORTEST:
                yield text[:500]


def write_table(file: Path, seed: int = 0) -> int:
    """Write ``text`` and ``area`` to ``file``, no text twice, and return the number of rows."""
    seen: set[str] = set()
    rows = []
    for area, modules in AREAS.items():
        texts = sorted({text for name in modules.split() for text in docstrings(import_module(name))} - seen)
        seen.update(texts)
        random.Random(seed).shuffle(texts)
        rows += [(text, area) for text in texts[:EACH]]
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows([("text", "area"), *rows])
    return len(rows)


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "demo/docstrings.csv")
    print(f"wrote {write_table(target)} docstrings to {target}")
