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
from transferium.system.checked_files import hash_file, read_sealed_json, write_sealed_json

T = TypeVar("T")
AT_ONCE = 512
FACTS, TOKENIZER = "corpus.json", "tokenizer.json"
FILES = ("ids.bin", "sentences.npy", "documents.npy", "draws.npy", TOKENIZER)


def tokenized(
    documents: Iterable[str],
    tokenizer: Any,
    odd: int | None,
    folder: Path,
    about: dict[str, Any],
    tell: Callable[[int], None],
) -> dict[str, Any]:
    """Write ids, sentences and documents below ``folder``, beside the tokenizer, and return the facts of them.

    ``about`` says of what they are made (files, their times, the tokenizer). ``odd`` is the token of what is not in the
    vocabulary, which is counted. ``tell`` is given how many documents are done.
    """
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
    facts |= {"files": {name: hash_file(folder / name).hexdigest() for name in FILES}}
    write_sealed_json(folder / FACTS, facts)
    return facts


def there(folder: Path) -> dict[str, Any]:
    """The facts of a corpus that was written down below ``folder``; none where one of its files is not what it was."""
    try:
        facts = read_sealed_json(folder / FACTS)
        whole = all(hash_file(folder / name).hexdigest() == digest for name, digest in facts["files"].items())
    except (OSError, ValueError, KeyError):
        return {}
    return facts if whole else {}


def forget(folder: Path) -> None:
    """What is below ``folder`` is no corpus any more: to be called before its tokenizer or ids become others."""
    (folder / FACTS).unlink(missing_ok=True)


def _grouped(items: Iterator[T], n: int) -> Iterator[list[T]]:
    while some := list(islice(items, n)):
        yield some
