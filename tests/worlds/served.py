"""Models that are served, and servers as processes of their own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import transferium as tm

TEXTS = [f"{animal} {n} runs" for n in range(12) for animal in ("dog", "cat")]
KINDS = ["dog", "cat"] * 12


def saved_texts(folder: Path, labels: list[str]) -> Path:
    """Such a model, with these labels."""
    tm.TransferClassifier("ncm", backbone="char_ngrams", store=False).fit(TEXTS, labels).save(folder)
    return folder


@contextmanager
def serving(folder: Path, *arguments: str, **environment: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The server's address, and its process, once it says where it listens."""
    command = [sys.executable, "-m", "transferium", "serve", str(folder), "--port", "0", *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | environment) as process:
        try:
            assert process.stderr is not None
            found = re.match(r"http://\S+", process.stderr.readline())
            assert found
            yield found[0], process
        finally:
            process.kill()


def ask(address: str, texts: list[str]) -> Any:
    """What the server answers."""
    body = json.dumps({"texts": texts}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{address}/predict", body), timeout=60) as response:
        return json.load(response)["predictions"]
