"""A corpus written down as token ids, once: training then reads any part of it without reading the whole."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from transferium.data.corpora.sentences import sentences
from transferium.errors import DataError
from transferium.system.checked_files import read_sealed_json, write_sealed_json

T = TypeVar("T")
AT_ONCE = 512
FACTS = "corpus.json"


def tokenized(
    documents: Iterable[str],
    tokenizer: Any,
    odd: int | None,
    folder: Path,
    about: dict[str, Any],
    tell: Callable[[int], None],
) -> dict[str, Any]:
    """Write ids, sentences and documents below ``folder`` and return the facts of them; what is there is kept.

    That is where ``about`` (files, their times, the tokenizer) is what it was. ``odd`` is the token of what is not in
    the vocabulary, which is counted. ``tell`` is given how many documents are done.
    """
    facts = there(folder)
    if facts.get("about") == about:
        return facts
    folder.mkdir(parents=True, exist_ok=True)
    starts, ends, draws = array("q", [0]), array("q", [0]), array("d")
    whole, unknown, done = hashlib.sha256(), 0, 0
    with (folder / "ids.bin").open("wb") as file:
        for some in _grouped(iter(documents), AT_ONCE):
            pieces = [sentences(text) for text in some]
            encoded = iter(tokenizer.encode_batch_fast([s for p in pieces for s in p], add_special_tokens=False))
            for text in pieces:
                lines = [line.ids for line in islice(encoded, len(text)) if line.ids]
                if not lines:
                    continue
                for line in lines:
                    starts.append(starts[-1] + len(line))
                    unknown += line.count(odd) if odd is not None else 0
                ids = np.fromiter((i for line in lines for i in line), np.int32)
                file.write(ids.tobytes())
                whole.update(ids.tobytes() + b"\0")
                draws.append(int.from_bytes(hashlib.blake2b(ids.tobytes(), digest_size=6).digest(), "big") / 2.0**48)
                ends.append(len(starts) - 1)
            done += len(some)
            tell(done)
    if len(ends) == 1:
        raise DataError("the corpus holds no text.")
    for name, values in (("sentences", starts), ("documents", ends), ("draws", draws)):
        np.save(folder / f"{name}.npy", np.frombuffer(values, values.typecode))
    facts = {"about": about, "documents": len(draws), "sentences": len(starts) - 1, "tokens": starts[-1]}
    facts |= {"unknown": unknown, "digest": whole.hexdigest()}
    write_sealed_json(folder / FACTS, facts)
    return facts


def there(folder: Path) -> dict[str, Any]:
    """The facts of a corpus that was written down whole below ``folder``; none where there is none."""
    try:
        return read_sealed_json(folder / FACTS)
    except (OSError, ValueError, KeyError):
        return {}


def forget(folder: Path) -> None:
    """What is below ``folder`` is no corpus any more: to be called before its tokenizer or ids become others."""
    (folder / FACTS).unlink(missing_ok=True)


def _grouped(items: Iterator[T], n: int) -> Iterator[list[T]]:
    while some := list(islice(items, n)):
        yield some
