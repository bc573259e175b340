"""CSV and TSV files: UTF-8 only; every cell is read as text, and converted to a number only where needed."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import islice, pairwise
from math import isfinite
from pathlib import Path
from typing import Any

from transferium.data.folders.example_files import kind_of_path
from transferium.data.images.sniff import HEAD, OTHERS, sniff
from transferium.data.readers.opening import opening
from transferium.errors import DataError
from transferium.problems.label_cells import as_number

_CHUNK = 2**20
_BLOCK = 16 * 2**20  # the longest row that can be read
_PEEK = 50
_SEP = re.compile(r'"?sep=(.)"?\r?\n', re.IGNORECASE)  # what Excel writes above the names


class Delimited:
    """One file: ``first`` holds the first filled cell of each column (None where none was near the top)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with opening(path, "is no table"):
            self._look(path)

    def _look(self, path: Path) -> None:
        _check_kind(path)
        check_utf8(path)
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            told = _SEP.fullmatch(first)
            self.skipped = 0 if told is None else 1
            names_line = first if told is None else file.readline()
            self.delimiter = told[1] if told else "\t" if path.suffix.lower() == ".tsv" else _delimiter(names_line)
            file.seek(0)
            rows = csv.reader(islice(file, self.skipped, None), delimiter=self.delimiter)
            names = next(rows, [])
            if not names:
                raise DataError(f"{path} is empty: give a header line with the names of the columns, then the rows")
            self.first: dict[str, Any] = dict.fromkeys(names)
            top = self._peek(rows, names)
        if _is_row(names, top):
            raise DataError(
                f"{path} has no line with names of columns: its first line is {self.delimiter.join(names[:5])!r}, like "
                "the lines below it. Write the names above it, for example text,label"
            )
        if len(self.first) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise DataError(f"{path} has two columns called {twice!r}: give each a name of its own")

    def _peek(self, rows: Any, names: Sequence[str]) -> list[list[str]]:
        top: list[list[str]] = []
        try:
            for row, _ in zip(rows, range(_PEEK), strict=False):
                top.append(row)
                for name, cell in zip(names, row, strict=False):
                    self.first[name] = self.first[name] or cell or None
        except csv.Error:
            pass  # an oversized cell; Arrow reads the file, this was a first look
        return top

    def read(self, names: Sequence[str]) -> Any:
        """A ``pyarrow.Table`` of text columns; an empty cell is null, a quoted empty one is an empty text."""
        from pyarrow import csv as arrow_csv

        with self._parsing():
            return arrow_csv.read_csv(self.path, **self._options(names))

    def blocks(self, names: Sequence[str]) -> Iterator[Any]:
        """The same as record batches one after another: the file need not fit into memory."""
        from pyarrow import csv as arrow_csv

        with self._parsing(), arrow_csv.open_csv(self.path, **self._options(names)) as reader:
            yield from reader

    def _parsing(self) -> AbstractContextManager[None]:
        quoted = f". A cell with {self.delimiter!r} or a line end in it must stand in double quotes, and a quote twice"
        return opening(self.path, f"is no table with {len(self.first)} columns", quoted)

    def _options(self, names: Sequence[str]) -> dict[str, Any]:
        import pyarrow as pa
        from pyarrow import csv as arrow_csv

        return {
            "read_options": arrow_csv.ReadOptions(block_size=_BLOCK, skip_rows=self.skipped),
            "parse_options": arrow_csv.ParseOptions(
                delimiter=self.delimiter,
                newlines_in_values=True,
                ignore_empty_lines=len(self.first) > 1,  # of one column, an empty line is a row
            ),
            "convert_options": arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                include_columns=list(names),
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                null_values=[""],
            ),
        }


def _check_kind(path: Path) -> None:
    """Raise ``DataError`` for a file that is something else by its first bytes."""
    with path.open("rb") as file:
        found = sniff(file.read(HEAD))
    if found in ("zip", "gzip", "pdf", "html"):
        what = f"{OTHERS[found]}{' (a workbook is one)' * (found == 'zip')}"
        raise DataError(f"{path} is no table but {what}: save or unpack it as CSV")


def check_utf8(path: Path) -> None:
    """Raise ``DataError`` with the place of the first byte that is not UTF-8; the file is read in pieces."""
    done, lines, rest = 0, 1, b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            data = rest + chunk
            try:
                data.decode("utf-8")
                rest = b""
            except UnicodeDecodeError as error:
                if error.reason != "unexpected end of data":
                    raise DataError(_not_utf8(path, data, error.start, done, lines)) from error
                rest = data[error.start :]
            lines += data.count(b"\n", 0, len(data) - len(rest))
            done += len(data) - len(rest)
    if rest:
        raise DataError(_not_utf8(path, rest, 0, done, lines))


def _not_utf8(path: Path, data: bytes, at: int, done: int, lines: int) -> str:
    if done == 0 and data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return f"{path} is UTF-16, not UTF-8. Save it as UTF-8, for example: iconv -f UTF-16 -t UTF-8 OLD > NEW"
    line = lines + data.count(b"\n", 0, at)
    return (
        f"{path} is not UTF-8: byte 0x{data[at]:02x} at offset {done + at} (line {line}). Save it as UTF-8, for "
        "example: iconv -f WINDOWS-1252 -t UTF-8 OLD > NEW (or GB18030, or whatever it was written in)"
    )


def _delimiter(header: str) -> str:
    """The separator the header uses most; a comma where it has none."""
    return max(",;\t|", key=header.count)


def _is_row(names: Sequence[str], top: Sequence[Sequence[str]]) -> bool:
    """Whether the line that should name the columns is a row: it holds numbers, paths of images, or cells of theirs.

    Numbers that rise from column to column are names: of pixels, years, wavelengths. Where none of them is a number, a
    word above numbers alone is a name, and they all are.
    """
    numbers = [number for name in names if (number := as_number(name)) is not None and isfinite(number)]
    rising = all(a < b for a, b in pairwise(numbers))
    if not rising or (len(numbers) < 3 and any(not number.is_integer() for number in numbers)):
        return True
    if any(map(kind_of_path, names)):
        return True
    if not numbers and any(_above_numbers([row[i] for row in top if row[i:]]) for i, name in enumerate(names) if name):
        return False
    named = [(i, name) for i, name in enumerate(names) if name and (len(numbers) < 3 or as_number(name) is None)]
    return any(sum(row[i : i + 1] == [name] for row in top) > 1 for i, name in named)


def _above_numbers(cells: Sequence[str]) -> bool:
    filled = [cell for cell in cells if cell]
    return len(filled) > 1 and all(as_number(cell) is not None for cell in filled)
