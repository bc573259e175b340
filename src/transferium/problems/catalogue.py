"""Problems by name, and the one that label cells look like."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from transferium.errors import DataError, InputError, TransferiumWarning, did_you_mean, option
from transferium.problems.boxes import Boxes
from transferium.problems.classes import Classes
from transferium.problems.entities import Entities
from transferium.problems.label_cells import as_number, is_several, missing_rows
from transferium.problems.multi_label import SEPARATOR, MultiLabel
from transferium.problems.problem import Labels, Problem
from transferium.problems.regression import Regression
from transferium.problems.texts import Transcription, Translation

AUTO = "auto"
PROBLEMS: dict[str, type[Problem]] = {
    problem.kind: problem for problem in (Classes, MultiLabel, Regression, Entities, Boxes, Translation, Transcription)
}
"""Every kind of problem by its name."""
OF_EXAMPLES = tuple(kind for kind, problem in PROBLEMS.items() if not problem.reads and problem.output == "pooled")
"""Those with one answer for a whole example, read off one row of features, whatever its kind."""
OF_LINEAR_HEADS = tuple(kind for kind, problem in PROBLEMS.items() if problem.on_frozen == "probe")
"""Those that a linear head answers, of an example or of each of its parts."""
OF_PARTS = {problem.reads: kind for kind, problem in PROBLEMS.items() if problem.reads}
"""By kind of example: the problem that labels its parts."""
MANY = 20
"""Different whole numbers from which labels may well be amounts, and different fractions below which they may not."""


Asked = str | Problem
"""A kind of problem by its name, or a problem whose settings are to be used."""


def read_labels(values: Sequence[Any], where: str, asked: Asked = AUTO) -> tuple[Labels, Problem]:
    """Labels, and the problem that they pose: the one that was asked for, or the one that the cells look like.

    ``auto`` decides as scikit-learn's ``type_of_target`` does: fractions are amounts, everything else is a class.
    Numbers that are written as texts count as numbers, for in many files there is nothing else, and cells such as
    ``a|b`` are taken for several labels. What is a guess is said in a warning.

    >>> read_labels([0.5, 1.25], "y")[1].kind, read_labels(["a|b", "b", "a"], "y", "classes")[1].kind
    ('regression', 'classes')
    """
    kind = kind_of(asked)
    if odd := [value for value in values if not is_several(value) and not isinstance(value, Hashable)]:
        raise DataError(f"{where} holds {odd[0]!r}, which is no label: give texts, numbers, truth values or dates.")
    kind = _guess(values, where) if kind == AUTO else kind
    if isinstance(asked, MultiLabel):
        return MultiLabel.read(values, where, asked.separator)
    return PROBLEMS[kind].read(values, where)


def kind_of(asked: Asked) -> str:
    """The name of the kind that was asked for; raises ``InputError`` for one that there is not."""
    kind = asked.kind if isinstance(asked, Problem) else str(asked)
    if kind not in (AUTO, *PROBLEMS):
        raise InputError(f"problem={kind!r} is unknown. {did_you_mean(kind, (AUTO, *PROBLEMS))}")
    return kind


def problem_from_json(saved: Mapping[str, Any]) -> Problem:
    """The opposite of ``Problem.to_json``; raises ``ValueError`` for a kind that this version does not know."""
    facts = dict(saved)
    kind, names = facts.pop("kind"), tuple(str(name) for name in facts.pop("names"))
    if kind not in PROBLEMS:
        raise ValueError(f"the kind of its problem, {kind!r}")
    return PROBLEMS[kind](names, **facts)


def same_kind(problems: Sequence[Problem], who: str) -> None:
    """Raise ``DataError`` where examples that belong together pose problems of several kinds."""
    kinds = list(dict.fromkeys(problem.kind for problem in problems))
    if len(kinds) > 1:
        raise DataError(
            f"{who} have labels of different kinds ({' and '.join(kinds)}). Say {option('problem', kinds[0])}, say."
        )


def _guess(values: Sequence[Any], where: str, separator: str = SEPARATOR) -> str:
    """The kind that label cells look like; a warning where they might be of another."""
    missing = set(missing_rows(values))
    known = [value for row, value in enumerate(values) if row not in missing]
    if any(map(is_several, known)):
        return MultiLabel.kind
    distinct = set(known)
    numbers = set(map(as_number, distinct))
    if numbers and None not in numbers:
        return _of_numbers([number for number in numbers if number is not None], len(known), where)
    texts = [v for v in distinct if isinstance(v, str)]
    if not any(separator in text for text in texts):
        return Classes.kind
    parts = {part.strip() for text in texts for part in text.split(separator)}
    several = len(parts) < len(distinct)
    found, other = (MultiLabel.kind, Classes.kind) if several else (Classes.kind, MultiLabel.kind)
    example = next(text for text in sorted(texts) if separator in text)
    what = f"several labels joined by {separator!r}" if several else "names of classes"
    _say(f"labels such as {example!r} in {where} are taken as {what}", found, other)
    return found


def _of_numbers(numbers: list[float], n: int, where: str) -> str:
    fractions = [v for v in numbers if v != np.floor(v) and np.isfinite(v)]
    if fractions:
        if len(numbers) < MANY and len(numbers) < n / 2:
            found = (
                f"the {len(numbers)} different numbers in {where} are taken as amounts, for some are no whole numbers"
            )
            _say(found, Regression.kind, Classes.kind)
        return Regression.kind
    if len(numbers) > MANY and len(numbers) > n / 10:
        _say(
            f"the {len(numbers)} different whole numbers in {where} are taken as classes", Classes.kind, Regression.kind
        )
    return Classes.kind


def _say(found: str, kind: str, other: str) -> None:
    words = f"{found}: say {option('problem', kind)} if that is right, or {option('problem', other)} if it is not."
    warnings.warn(words, TransferiumWarning, stacklevel=2)
