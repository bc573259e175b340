"""Settings that change nothing beside the others that were given."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from transferium.errors import TransferiumWarning


class UnusedSettingWarning(TransferiumWarning):
    """A setting was given a value of its own, and nothing reads it."""


class Rule(NamedTuple):
    """Whether a setting counts, which other setting decides that, and what makes it count."""

    by: str
    counts: Callable[[Any], bool]
    hint: str


def when(setting: str, *values: Any) -> Rule:
    """The rule of what counts where another setting has one of some values.

    >>> when("average", "ema").hint
    'average=ema'
    """
    return Rule(setting, lambda m: getattr(m, setting) in values, f"{setting}={' or '.join(map(str, values))}")


def rules_of(cls: type) -> dict[str, Rule]:
    """The ``unused_rules`` of a class and of all its bases, by setting."""
    return {n: rule for base in reversed(cls.__mro__) for n, rule in vars(base).get("unused_rules", {}).items()}


def warn_of_unused(method: Any, searched: Collection[str] = ()) -> None:
    """Warn of each setting that is not at its default and has no effect, unless what decides that is ``searched``."""
    for name, rule in rules_of(type(method)).items():
        value = getattr(method, name, None)
        if value == getattr(type(method), name, None) or rule.by in searched or rule.counts(method):
            continue
        warnings.warn(
            f"{name}={value} has no effect here: it counts with {rule.hint}.", UnusedSettingWarning, stacklevel=4
        )


BESIDE = {"sources": "several sources", "few_weight": "labelled target examples (--few)"}
"""Settings that count with data that may not be there, and what that is."""


def warn_beside(method: Any, *, several: bool, few: bool) -> None:
    """Warn of what is for ``several`` sources, or for a ``few`` labelled target examples, where there are none."""
    there = {"sources": several, "few_weight": few}
    for name, value in method.get_params().items():
        if there.get(name, True) or value == getattr(type(method), name):
            continue
        words = f"{name}={value} has no effect here: it counts with {BESIDE[name]}."
        warnings.warn(words, UnusedSettingWarning, stacklevel=4)


@contextmanager
def suppress_unused_warnings() -> Iterator[None]:
    """Say nothing of idle settings: a search gave them, or has yet to."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnusedSettingWarning)
        yield
