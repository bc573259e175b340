"""Spans of a text as they are shown: the text in pieces, each right, missed, or answered where there is nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

Span = Mapping[str, Any]


class Piece(NamedTuple):
    """A part of a text. ``state`` is right, missed, wrong or ``""``; ``said`` says what it is and was taken for."""

    text: str
    state: str
    said: str


def pieces(text: str, label: str | None, predicted: str | None) -> list[Piece]:
    """The text in pieces, by the spans of its label and of its answer (JSON, as predictions are written).

    >>> spans = '[{"start": 0, "end": 4, "label": "place"}]'
    >>> [(piece.text, piece.state) for piece in pieces("Rome is", spans, "[]")]
    [('Rome', 'missed'), (' is', '')]
    """
    there, found = _read(label), _read(predicted)
    ends = {0, len(text)}
    for span in (*there, *found):
        ends |= {min(int(span[end]), len(text)) for end in ("start", "end")}
    cuts = sorted(ends)
    return [_piece(text, start, stop, there, found) for start, stop in pairwise(cuts)]


def _piece(text: str, start: int, stop: int, there: Sequence[Span], found: Sequence[Span]) -> Piece:
    ours, theirs = (next((s for s in spans if s["start"] <= start < s["end"]), None) for spans in (found, there))
    if ours is None and theirs is None:
        return Piece(text[start:stop], "", "")
    if ours is not None and theirs is not None and _same(ours, theirs):
        return Piece(text[start:stop], "right", str(ours["label"]))
    truth = "no entity" if theirs is None else str(theirs["label"])
    answer = "no entity" if ours is None else str(ours["label"])
    return Piece(text[start:stop], "missed" if ours is None else "wrong", f"in truth {truth}, answered {answer}")


def _same(one: Span, other: Span) -> bool:
    return all(one[fact] == other[fact] for fact in ("start", "end", "label"))


def in_words(spans: str | None) -> str | None:
    """Spans as they are read: the words of each and its type.

    >>> in_words('[{"start": 0, "end": 4, "label": "place", "text": "Rome"}]')
    'Rome (place)'
    """
    if spans is None:
        return None
    return ", ".join(f"{span.get('text', '…')} ({span['label']})" for span in _read(spans))


def _read(spans: str | None) -> list[Span]:
    return list(json.loads(spans)) if spans else []
