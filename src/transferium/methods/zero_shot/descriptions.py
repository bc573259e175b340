"""What each label means in words: its own name, or the descriptions that a user gives."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transferium.errors import DataError, InputError, did_you_mean, option, refusing
from transferium.system.checked_files import read_file

MOST_BYTES = 4 << 20
Labels = str | os.PathLike[str] | Mapping[str, Any]
"""A JSON file, or what would stand in one: an object from each label to a description or a list of them."""
SAYS_NOTHING = re.compile(r"(class|label|category|cluster|group|c|l)?[\s_#-]*[\d.]*|[a-z]", re.IGNORECASE)
"""A number, one letter, or a word such as "class" with a number."""


def read_descriptions(labels: Labels) -> dict[str, tuple[str, ...]]:
    """Each label with its descriptions; raises ``InputError`` for a file or an object that does not hold these.

    >>> read_descriptions({"0": "bad", "1": ["good", "very good"]})
    {'0': ('bad',), '1': ('good', 'very good')}
    """
    if isinstance(labels, Mapping):
        given, name = dict(labels), "labels"
    else:
        name = str(labels)
        with refusing(InputError, f"{name} cannot be read as a JSON object from each label to its descriptions", "."):
            given = json.loads(read_file(Path(labels).expanduser(), MOST_BYTES), object_pairs_hook=_object)
            if not isinstance(given, dict):
                raise ValueError(f"it holds {type(given).__name__} and no object")
    if not given:
        raise InputError(f"{name} describes no label: write each label of the table with a description or more.")
    return {str(label): _described(str(label), value, name) for label, value in given.items()}


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; of two entries for one label, JSON would drop the first without a word."""
    if twice := [name for name, n in Counter(name for name, _ in pairs).items() if n > 1]:
        raise ValueError(f"{twice[0]!r} stands in it twice")
    return dict(pairs)


def _described(label: str, value: Any, name: str) -> tuple[str, ...]:
    texts = [value] if isinstance(value, str) else value
    if isinstance(texts, Sequence) and texts and all(isinstance(text, str) and text.strip() for text in texts):
        return tuple(text.strip() for text in texts)
    raise InputError(f"{name} gives {label!r} the value {value!r}: a text is needed, or a list of texts.")


def descriptions_of(classes: Sequence[str], labels: Labels | None, data: str) -> dict[str, tuple[str, ...]]:
    """The descriptions of the ``classes`` in their order; without ``labels`` the names themselves, as words.

    Raises ``InputError`` where names say nothing and none are described, or two labels are described alike,
    ``DataError`` where labels of the data lack a description, or the other way round.

    >>> descriptions_of(("flight_delay", "baggage"), None, "data")
    {'flight_delay': ('flight delay',), 'baggage': ('baggage',)}
    """
    if labels is None:
        if empty := [name for name in classes if SAYS_NOTHING.fullmatch(name.strip())]:
            raise InputError(
                f"the labels {_listed(empty)} of {data!r} say nothing that a text could be compared with: give "
                f"{option('labels', 'names.json')}, a JSON object from each label to a description, as in "
                f'{{"{empty[0]}": "a complaint"}}.'
            )
        return _told_apart({name: (" ".join(name.replace("_", " ").split()),) for name in classes})
    given = read_descriptions(labels)
    if lacking := [name for name in classes if name not in given]:
        hint = did_you_mean(lacking[0], [name for name in given if name not in classes])
        raise DataError(f"{_listed(lacking)} of {data!r} {_has(lacking)} no description in labels: add it. {hint}")
    if unknown := [name for name in given if name not in classes]:
        hint = did_you_mean(unknown[0], classes, f"The labels are {_listed(classes)}.")
        raise DataError(
            f"labels describes {_listed(unknown)}, and no example of {data!r} has {_such(unknown)}: leave it out, or "
            f"write it as it stands in the data. {hint}"
        )
    return _told_apart({name: given[name] for name in classes})


def _told_apart(said: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    first: dict[frozenset[str], str] = {}
    for name, texts in said.items():
        if (other := first.setdefault(frozenset(texts), name)) != name:
            raise InputError(
                f"the labels {other!r} and {name!r} are both described by {_listed(said[other])}, so that nothing "
                f"tells them apart: describe them differently, as in {option('labels', 'names.json')}."
            )
    return said


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _has(names: Sequence[str]) -> str:
    return "has" if len(names) == 1 else "have"


def _such(names: Sequence[str]) -> str:
    return "that label" if len(names) == 1 else "such labels"
