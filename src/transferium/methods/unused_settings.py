"""Warnings about settings that have no effect because of the other settings."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from transferium.errors import TransferiumWarning


class UnusedSettingWarning(TransferiumWarning):
    """A setting that was given has no effect."""


class Rule(NamedTuple):
    """When a setting has an effect: the setting that decides it, a test of the method, and a hint for the user."""

    by: str
    counts: Callable[[Any], bool]
    hint: str


def when(setting: str, *values: Any) -> Rule:
    """The rule of a setting that has an effect only where another setting has one of these values.

    >>> when("average", "ema").hint
    'average=ema'
    """
    return Rule(setting, lambda m: getattr(m, setting) in values, f"{setting}={' or '.join(map(str, values))}")


def rules_of(cls: type) -> dict[str, Rule]:
    """The ``unused_rules`` of a class and of all its bases, by setting."""
    return {n: rule for base in reversed(cls.__mro__) for n, rule in vars(base).get("unused_rules", {}).items()}


def warn_of_unused(method: Any, searched: Collection[str] = ()) -> None:
    """Warn of each setting that is not at its default and has no effect, unless what decides is ``searched``."""
    for name, rule in rules_of(type(method)).items():
        value = getattr(method, name, None)
        if value == getattr(type(method), name, None) or rule.by in searched or rule.counts(method):
            continue
        warnings.warn(
            f"{name}={value} has no effect here: it counts with {rule.hint}.", UnusedSettingWarning, stacklevel=4
        )


BESIDE = {"sources": "several sources", "few_weight": "labelled target examples (--few)"}
"""Settings that have an effect only with certain data, and the name of that data."""


def warn_beside(method: Any, *, several: bool, few: bool) -> None:
    """Warn of settings for ``several`` sources, or for a ``few`` labelled target examples, where there are none."""
    there = {"sources": several, "few_weight": few}
    warn_without(method, {name: words for name, words in BESIDE.items() if not there[name]})


def warn_without(method: Any, missing: Mapping[str, str]) -> None:
    """Warn of each setting that is not at its default and counts only with what is ``missing``, by setting."""
    for name, words in missing.items():
        value = getattr(method, name, None)
        if value != getattr(type(method), name, None):
            said = f"{name}={value} has no effect here: it counts with {words}."
            warnings.warn(said, UnusedSettingWarning, stacklevel=5)


@contextmanager
def suppress_unused_warnings() -> Iterator[None]:
    """Do not warn of unused settings: a search gave them, or will give them later."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnusedSettingWarning)
        yield
