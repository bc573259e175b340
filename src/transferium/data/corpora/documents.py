"""The documents of a corpus, one after another: nothing but the one at hand is in memory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

from transferium.data.folders.example_files import ending
from transferium.data.folders.listing import list_folder
from transferium.data.readers.columns import TEXT_NAMES
from transferium.data.readers.delimited import Delimited, check_utf8
from transferium.data.readers.opening import opening
from transferium.data.readers.parquet import Parquet
from transferium.errors import DataError, did_you_mean, option, refusing

_LINE = 1 << 20
"""The most characters of a line that are read at once."""
PLAIN = (".txt", ".text", ".md", "")


class TextCorpus:
    """Texts in a file, a folder (but its hidden files), or in memory. Iterating gives the documents, as often as asked.

    Of a plain text file (UTF-8) a document is what stands between empty lines, at most a million characters; where
    there are no empty lines, each line. Of a table (CSV, TSV, JSON lines, Parquet) it is each row of the column
    ``text``. Empty ones are passed over. Raises ``DataError`` for what is no text.

    >>> list(TextCorpus(["One text.", " ", "Another."]))
    ['One text.', 'Another.']
    """

    def __init__(self, given: Path | Iterable[str], text: str | None = None) -> None:
        self.text = text
        self.texts: list[str] | None = None
        self.files: list[Path] = []
        if isinstance(given, Path):
            self.name, self.files = given.resolve().stem, _files(given)
        else:
            self.name, self.texts = "corpus", _strings(given)

    def __iter__(self) -> Iterator[str]:
        found = iter(self.texts) if self.texts is not None else self._read()
        yield from (document for document in found if document.strip())

    def state(self) -> list[Any]:
        """What changes when the texts do: names, sizes and times of files, which are not read for it."""
        if self.texts is not None:
            return [hashlib.sha256("\0".join(self.texts).encode("utf-8", "surrogatepass")).hexdigest()]
        stats = [(path, path.stat()) for path in self.files]
        return [[str(path), stat.st_size, stat.st_mtime_ns] for path, stat in stats]

    def _read(self) -> Iterator[str]:
        for path in self.files:
            yield from READERS.get(path.suffix.lower(), _plain)(path, self.text)


def _strings(given: Iterable[str]) -> list[str]:
    if isinstance(given, str):
        raise DataError("a corpus is a path or several texts, and one text was given: give Path(...) for a file.")
    texts = list(given)
    for text in texts:
        if not isinstance(text, str):
            raise DataError(f"a corpus in memory holds texts, and one of its entries is a {type(text).__name__}.")
    return texts


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise DataError(f"there is no corpus at {path}.")
    if not path.is_dir():
        return [path]
    known = (*READERS, *PLAIN[:-1])
    with refusing(DataError, f"{path} cannot be opened", "."):
        found = sorted(path / name for name in list_folder(path).top.all_others() if ending(name) in known)
    if not found:
        raise DataError(f"{path} holds no text: files that end in {', '.join(known)} are read.")
    return found


def _plain(path: Path, column: str | None) -> Iterator[str]:
    if column is not None:
        raise DataError(f"{path} is plain text and has no columns: leave {option('text')} out.")
    with opening(path, "is no text"):
        check_utf8(path)
        file = path.open(encoding="utf-8-sig")
    with file:
        by_line, held = not _has_gaps(file), 0
        lines: list[str] = []
        file.seek(0)
        while line := file.readline(_LINE):
            if "\0" in line:
                raise DataError(f"{path} holds zero bytes: it is no text but a binary file.")
            if line.strip():
                lines.append(line)
                held += len(line)
            if lines and (by_line or not line.strip() or held >= _LINE):
                yield "".join(lines)
                lines, held = [], 0
        if lines:
            yield "".join(lines)


def _has_gaps(file: TextIO) -> bool:
    """Whether an empty line stands somewhere between others."""
    begun = gap = False
    while line := file.readline(_LINE):
        if begun and gap and line.strip():
            return True
        begun, gap = begun or bool(line.strip()), not line.strip()
    return False


def _json_lines(path: Path, column: str | None) -> Iterator[str]:
    with opening(path, "is not one JSON object on each line"):
        check_utf8(path)
        file = path.open(encoding="utf-8-sig")
    with file:
        name = column
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise DataError(f"{path} is not one JSON object on each line: line {number} ({error}).") from error
            if not isinstance(row, dict):
                raise DataError(f"{path} is not one JSON object on each line: line {number} is none.")
            name = name or _column(path, {key: value for key, value in row.items() if isinstance(value, str)}, None)
            value = row.get(name)
            if value is not None:
                yield str(value)


def _parquet(path: Path, column: str | None) -> Iterator[str]:
    from pyarrow import parquet

    name = _column(path, Parquet(path).first, column)
    with opening(path, "is a damaged Parquet file"), parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=1024, columns=[name]):
            yield from (str(cell) for cell in batch.column(0).to_pylist() if cell is not None)


def _delimited(path: Path, column: str | None) -> Iterator[str]:
    table = Delimited(path)
    for block in table.blocks([_column(path, table.first, column)]):
        yield from (str(cell) for cell in block.column(0).to_pylist() if cell is not None)


def _column(path: Path, first: dict[str, Any], asked: str | None) -> str:
    """The column of texts: the one asked for, the one that is called so, or the only one that holds any."""
    if asked is not None:
        if asked not in first:
            raise DataError(f"{path} has no column {asked!r}. {did_you_mean(asked, first)}")
        return asked
    texts = [name for name, cell in first.items() if isinstance(cell, str)]
    named = [name for name in texts if name.lower() in TEXT_NAMES]
    if len(named or texts) != 1:
        there = ", ".join(map(repr, first)) or "none"
        raise DataError(f"which column of {path} holds the texts? Name it by {option('text')}; there are {there}.")
    return (named or texts)[0]


READERS: dict[str, Callable[[Path, str | None], Iterator[str]]] = {
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".parquet": _parquet,
    ".pq": _parquet,
    ".csv": _delimited,
    ".tsv": _delimited,
}
"""By suffix; a file with any other one is plain text."""
