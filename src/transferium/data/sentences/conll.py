"""Files with a word on each line and blank lines between sentences, as CoNLL tasks have them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from transferium.errors import DataError
from transferium.system.checked_files import check_file

WORDS, TAGS = "tokens", "ner_tags"
DOCUMENT = "-DOCSTART-"
"""The word that stands for the beginning of a document; it is no sentence."""


class Conll:
    """A file of words and tags, as a table with a list of words and one of tags for each sentence.

    The first column holds the words, the last one the tags; columns stand between tabs, or blanks where there is no
    tab. Where there is one column alone, there are no tags. A line before a sentence that begins with ``#`` and has
    other columns than most is a remark.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        rows = list(_sentences(path))
        self._words = [[word for word, _ in sentence] for sentence in rows]
        self._tags = [[tag for _, tag in sentence] for sentence in rows]
        if not rows:
            raise DataError(f"{path} has no sentence: write a word on each line, and a blank line behind a sentence.")
        self.first: dict[str, Any] = {WORDS: self._words[0]}
        if all(tag is not None for tags in self._tags for tag in tags):
            self.first[TAGS] = self._tags[0]
        elif any(tag is not None for tags in self._tags for tag in tags):
            raise DataError(f"{path} has a tag on some lines and none on others: give each word one, or none.")

    def read(self, names: Sequence[str]) -> Any:
        import pyarrow as pa

        columns = {WORDS: self._words, TAGS: self._tags}
        return pa.table({name: pa.array(columns[name], pa.list_(pa.string())) for name in names})


def _sentences(path: Path) -> Iterator[list[tuple[str, str | None]]]:
    """Each sentence: pairs of a word and its tag, None where there is none."""
    sentence: list[tuple[str, str | None]] = []
    check_file(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 (at byte {error.start}): save it as UTF-8.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    tabs = any("\t" in line for line in lines)
    rows = [(line.rstrip("\r").split("\t") if tabs else line.split()) if line.strip() else [] for line in lines]
    usual = Counter(map(len, filter(None, rows))).most_common(1)
    for number, cells in enumerate(rows, start=1):
        while len(cells) > 1 and tabs and not cells[-1].strip():
            cells.pop()
        if not cells or cells[0] == DOCUMENT:
            if sentence:
                yield sentence
            sentence = []
        elif cells[0].startswith("#") and not sentence and len(cells) != usual[0][0]:
            continue
        elif not cells[0].strip():
            raise DataError(f"{path}, line {number}: there is a tag ({cells[-1]!r}) and no word before it.")
        else:
            sentence.append((cells[0], cells[-1].strip() if len(cells) > 1 else None))
    if sentence:
        yield sentence
