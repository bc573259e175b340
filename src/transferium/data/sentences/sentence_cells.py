"""Cells of a table as sentences, and label cells as tags of their words: lists of tags, or spans of the text."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from transferium.data.samples import Samples
from transferium.data.sentences.sentence import Sentence
from transferium.errors import DataError, TransferiumWarning

START, END = ("start", "start_offset", "begin"), ("end", "end_offset", "stop")
TYPE = ("label", "type", "entity", "tag", "entity_group")
"""What a span's place in the text and its type are called; the end is the sign behind it."""


def may_be_sentence(cell: Any) -> bool:
    """Whether a first cell is a sentence for sure: a list of words."""
    return isinstance(cell, (list, tuple)) and bool(cell) and all(isinstance(word, str) for word in cell)


def as_sentence(cell: Any, where: str) -> Sentence:
    """A list of words, or a text, which is cut into words; nothing is a sentence without words."""
    if isinstance(cell, (list, tuple, np.ndarray)):
        words = ["" if word is None else word for word in cell]
        if odd := [word for word in words if not isinstance(word, str)]:
            raise DataError(f"{where} holds {odd[0]!r} among its words: a word is a text.")
        return Sentence.of_words(words)
    if cell is None or isinstance(cell, (str, float)):
        return Sentence.of_text(cell if isinstance(cell, str) else "")
    raise DataError(f"{where} holds {type(cell).__name__}, and a sentence is a text or a list of words.")


def tags_in(samples: Samples, values: Sequence[Any], where: str) -> list[Any]:
    """Label cells as a tag for each word of their sentence; spans that begin or end inside of a word are widened to it.

    Raises ``DataError`` where tags and words differ in number, and for spans outside of the text or over one another.
    """
    found: list[Any] = []
    widened = 0
    for i, given in enumerate(values):
        sentence, at = samples.raw(i), f"{where}, row {i + 1} (counted from 1),"
        cell = _parsed(given, at)
        if not isinstance(cell, (list, tuple, np.ndarray)):
            found.append(cell)
        elif spans := _as_spans(cell):
            tags, wide = _tags_of_spans(sentence, spans, at)
            widened += wide
            found.append(tags)
        elif len(cell) not in (0, len(sentence)):
            raise DataError(f"{at} has {len(cell)} tags for {len(sentence)} words: give one for each word.")
        else:
            found.append(cell if len(cell) else ["O"] * len(sentence))
    if widened:
        words = f"{widened:,} spans in {where} begin or end inside of a word, and are taken for whole words"
        warnings.warn(words, TransferiumWarning, stacklevel=2)
    return found


def _as_spans(cell: Any) -> list[Mapping[str, Any]]:
    """Spans as dictionaries, also where each is written as start, end and type; none where these are no spans."""
    if all(isinstance(one, Mapping) for one in cell):
        return list(cell)
    if all(isinstance(one, (list, tuple)) and len(one) == 3 for one in cell):
        return [dict(zip(("start", "end", "label"), one, strict=True)) for one in cell]
    return []


def _parsed(cell: Any, where: str) -> Any:
    """A list that is written as JSON, as in a CSV file; anything else as it is."""
    if not isinstance(cell, str) or not cell.lstrip().startswith("["):
        return cell
    try:
        return json.loads(cell)
    except ValueError as error:
        raise DataError(f"{where} holds {cell:.60}, which is no list in JSON ({error}).") from error


def _tags_of_spans(sentence: Sentence, spans: Sequence[Mapping[str, Any]], where: str) -> tuple[list[str], int]:
    tags, widened = ["O"] * len(sentence), 0
    for span in spans:
        start, end, kind = (_fact(span, names, where) for names in (START, END, TYPE))
        if not (isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= len(sentence.text)):
            raise DataError(
                f"{where} has the span {dict(span)}: start and end are whole numbers, from 0 to the "
                f"{len(sentence.text)} signs of the text, and the end is behind the start."
            )
        inside = [i for i in range(len(sentence)) if sentence.starts[i] < end and sentence.ends[i] > start]
        if not inside:
            raise DataError(f"{where} has the span {dict(span)}, in which there is no word.")
        if any(tags[i] != "O" for i in inside):
            raise DataError(
                f"{where} has spans over one another at {dict(span)}: a word belongs to one entity at most. Keep the "
                "longer or the shorter one throughout."
            )
        place = sentence.place(inside[0], inside[-1] + 1)
        cut = sentence.text[start:end]
        widened += place != (start + len(cut) - len(cut.lstrip()), end - len(cut) + len(cut.rstrip()))
        tags[inside[0]] = f"B-{kind}"
        for i in inside[1:]:
            tags[i] = f"I-{kind}"
    return tags, widened


def _fact(span: Mapping[str, Any], names: Sequence[str], where: str) -> Any:
    for name in names:
        if span.get(name) is not None:
            return span[name]
    raise DataError(f"{where} has the span {dict(span)} without {names[0]!r}: give start, end and label.")
