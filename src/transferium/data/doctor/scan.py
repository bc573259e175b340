"""One read of every example: the hash of its content, which identifies it, and whether it can be read at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from transferium.data.columns.table import Table
from transferium.data.doctor.finite import finite_rows, what_is_wrong
from transferium.data.domain import Domain, Kind
from transferium.data.images.sniff import HEAD, OTHERS, sniff
from transferium.data.mixed_table import MixedTable
from transferium.data.modality import by_kind
from transferium.data.picture_pairs import PicturePairs
from transferium.data.samples import Samples
from transferium.data.sounds.decode import UnreadableSound, decode_sound, format_of, wave_parts
from transferium.data.sounds.sniff import no_sound
from transferium.data.text_pair import SIDES
from transferium.errors import InputError
from transferium.system.checked_files import hash_file

Progress = Callable[[int, int], None]
"""Called with how many examples are done and how many there are."""

_BLOCK = 64
LOOKED_AT = 10.0
"""Seconds at the beginning of a sound that are listened to."""


@dataclass(frozen=True)
class Scan:
    """The result of reading a domain once.

    ``keys[i]`` is the SHA-256 of the content, ``""`` where there is nothing to use; ``formats[i]`` is the format
    the bytes have (``""`` unknown or not encoded); ``problems[i]`` says what is wrong with example ``i``. ``about[i]``
    is what else was seen of it, for the doctor's own checks of its kind; there is none where none of a kind has any.
    """

    keys: tuple[str, ...]
    formats: tuple[str, ...]
    problems: dict[int, str]
    about: tuple[Any, ...] = ()


class Seen(NamedTuple):
    """What a scan saw of one example."""

    key: str
    format: str = ""
    problem: str = ""
    about: Any = None


def scan(domain: Domain, *, workers: int | None = None, progress: Progress | None = None) -> Scan:
    """Hash and sniff every example, in threads, keeping no bytes: memory does not grow with the data.

    The content is the encoded bytes of an image, the UTF-8 of a text, or type, shape and bytes of an array.
    """
    seen = [Seen(*one) for one in by_kind(SCANS, domain.kind, "scan")(domain, workers, progress)]
    if progress is not None:
        progress(len(domain), len(domain))
    problems = {i: one.problem for i, one in enumerate(seen) if one.problem}
    about = tuple(one.about for one in seen) if any(one.about is not None for one in seen) else ()
    return Scan(tuple(one.key for one in seen), tuple(one.format for one in seen), problems, about)


_Seen = tuple[str, str, str]  # key, format, problem


def _scan_files(
    look_at: Callable[[Samples, int], tuple[Any, ...]], domain: Domain, workers: int | None, progress: Progress | None
) -> list[tuple[Any, ...]]:
    """The scan of encoded examples, in threads; each of these holds one example in memory at a time."""

    def look(start: int) -> list[tuple[Any, ...]]:
        return [look_at(samples, i) for i in range(start, min(start + _BLOCK, total))]

    samples, total = domain.samples, len(domain)
    seen: list[tuple[Any, ...]] = []
    with ThreadPoolExecutor(workers or min(8, 2 * (os.cpu_count() or 1))) as pool:
        for block in pool.map(look, range(0, total, _BLOCK)):
            seen += block
            if progress is not None and len(seen) < total:
                progress(len(seen), total)
    return seen


def _scan_image(samples: Samples, index: int) -> _Seen:
    try:
        raw = samples.raw(index)
        if not isinstance(raw, (bytes, bytearray, memoryview)):
            return content_key(raw), "", ""
    except OSError as error:
        return "", "", f"cannot be read: {error.strerror or error}"
    if not raw:
        return "", "", "empty file (0 bytes)"
    format = sniff(bytes(raw[:HEAD]))
    if format in OTHERS:
        return "", format, f"not an image but {OTHERS[format]}"
    return content_key(raw), format, ""


def _scan_sound(samples: Samples, index: int) -> Seen:
    """A sound is known by the bytes of its file, and decoded only at its beginning."""
    try:
        raw = samples.raw(index)
        format = format_of(raw)
        if reason := no_sound(format):
            return Seen("", format, reason)
        about = decode_sound(raw, LOOKED_AT).facts
        return Seen(hash_file(raw).hexdigest() if isinstance(raw, Path) else wave_key(raw), format, "", about)
    except OSError as error:
        return Seen("", "", f"cannot be read: {error.strerror or error}")
    except UnreadableSound as error:
        return Seen("", "", error.reason)


def wave_key(raw: Any) -> str:
    """SHA-256 of a sound in memory: its bytes, or its samples and their rate."""
    array, rate = wave_parts(raw)
    if array is None:
        return content_key(raw)
    samples = np.asarray(array)
    return hashlib.sha256(f"{rate} {content_key(samples)}".encode()).hexdigest()


def _scan_texts(domain: Domain, _workers: int | None, _progress: Progress | None) -> list[_Seen]:
    seen: list[_Seen] = []
    for i in range(len(domain)):
        text = domain.samples.raw(i)
        if not isinstance(text, str):
            seen.append(("", "", f"not a text but {type(text).__name__}"))
        elif not text or text.isspace():
            seen.append(("", "", "empty text"))
        else:
            seen.append((content_key(text), "", ""))
    return seen


def _scan_pairs(domain: Domain, _workers: int | None, _progress: Progress | None) -> list[_Seen]:
    seen: list[_Seen] = []
    for i in range(len(domain)):
        pair = domain.samples.raw(i)
        empty = [side for side, text in zip(SIDES, pair, strict=True) if not text.strip()]
        wrong = f"empty {' and '.join(empty)} text" if empty else ""
        seen.append(("", "", wrong) if wrong else (content_key(repr(tuple(pair))), "", ""))
    return seen


def _scan_picture_pairs(domain: Domain, workers: int | None, progress: Progress | None) -> list[_Seen]:
    """Pairs of pictures are known by what both are; each side is read once."""
    pairs = domain.samples
    if not isinstance(pairs, PicturePairs):
        raise InputError(f"{domain.name!r} holds {domain.kind} examples and no pairs of images")
    scans = [scan(side, workers=workers, progress=progress) for side in pairs.sides]
    pairs.sides = [replace(side, keys=seen.keys) for side, seen in zip(pairs.sides, scans, strict=True)]
    seen: list[_Seen] = []
    for i in range(len(domain)):
        at = ((side, one.problems[i]) for side, one in zip(SIDES, scans, strict=True) if i in one.problems)
        wrong = "; ".join(f"{side} image: {problem}" for side, problem in at)
        seen.append(("", "", wrong) if wrong else (content_key(" ".join(one.keys[i] for one in scans)), "", ""))
    return seen


def _scan_sentences(domain: Domain, _workers: int | None, _progress: Progress | None) -> list[_Seen]:
    """Sentences are known by their words, which is all that is read of them."""
    seen: list[_Seen] = []
    for i in range(len(domain)):
        words = domain.samples.raw(i).words
        empty = not any(word.strip() for word in words)
        seen.append(("", "", "empty sentence") if empty else (content_key(repr(tuple(words))), "", ""))
    return seen


def _scan_rows(domain: Domain, _workers: int | None, _progress: Progress | None) -> list[_Seen]:
    """Rows are hashed like arrays; a row that is not finite in single precision names its columns."""
    values = domain.features
    start = hashlib.sha256(_array_head(values[:1].reshape(-1)))
    seen: list[_Seen] = []
    for row, fine in zip(np.ascontiguousarray(values), finite_rows(values), strict=True):
        if not fine:
            seen.append(("", "", what_is_wrong(row, domain.feature_names)))
            continue
        digest = start.copy()
        digest.update(row)
        seen.append((digest.hexdigest(), "", ""))
    return seen


def _scan_table(domain: Domain, _workers: int | None, progress: Progress | None) -> list[_Seen]:
    """Rows of a table; each can be used, for a cell may be missing or of any size."""
    if not isinstance(domain.samples, Table):
        raise InputError(f"{domain.name!r} holds {domain.kind} examples and no table of columns")
    return [(key, "", "") for key in domain.samples.keys(progress=progress)]


def _scan_mixed(domain: Domain, workers: int | None, progress: Progress | None) -> list[_Seen]:
    """Mixed rows; every one can be used, for a picture or a text may be missing. Each column is scanned once."""
    table = domain.samples
    if not isinstance(table, MixedTable):
        raise InputError(f"{domain.name!r} holds {domain.kind} examples and no table with columns of examples")
    for name, cells in table.cells.items():
        if cells.keys is None:
            table.cells[name] = replace(cells, keys=scan(cells, workers=workers, progress=progress).keys)
    return _scan_table(domain, workers, progress)


SCANS: dict[Kind, Callable[[Domain, int | None, Progress | None], Sequence[tuple[Any, ...]]]] = {
    "image": partial(_scan_files, _scan_image),
    "text": _scan_texts,
    "sound": partial(_scan_files, _scan_sound),
    "pair": _scan_pairs,
    "image_pair": _scan_picture_pairs,
    "sentence": _scan_sentences,
    "scene": partial(_scan_files, _scan_image),
    "row": _scan_table,
    "mixed": _scan_mixed,
    "features": _scan_rows,
}
"""How the examples of each kind are read once: for every one what a ``Seen`` holds."""


def content_key(raw: Any) -> str:
    """SHA-256 of one example's content: bytes, text, array or Pillow image.

    >>> content_key("a") == content_key(b"a")
    True
    """
    if isinstance(raw, str):
        raw = raw.encode("utf-8", "surrogatepass")
    if isinstance(raw, (bytes, bytearray, memoryview)):
        return hashlib.sha256(raw).hexdigest()
    if isinstance(raw, np.ndarray):
        digest = hashlib.sha256(_array_head(raw))
        digest.update(np.ascontiguousarray(raw).data)
        return digest.hexdigest()
    palette = raw.getpalette("RGBA") if raw.mode == "P" else None
    digest = hashlib.sha256(f"{raw.mode}{raw.size}{palette}{raw.info.get('transparency')}".encode())
    digest.update(raw.tobytes())
    return digest.hexdigest()


def _array_head(array: NDArray[Any]) -> bytes:
    return f"{array.dtype.str}{array.shape}".encode()
