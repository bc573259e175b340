"""Numbers that no method can use are refused when they are given, by the name of their setting."""

from __future__ import annotations

import math
import re
from dataclasses import fields
from typing import Any

import pytest

from transferium.errors import InputError
from transferium.methods.catalogue import METHODS, find_method, method_class
from transferium.methods.deep_adaptation.adversarial import DANN
from transferium.methods.settings.checks import bounds_of
from transferium.methods.unused_settings import suppress_unused_warnings

ABSURD = (math.inf, -math.inf, math.nan, -1)


def numeric(name: str) -> list[str]:
    """The settings of a method that may be numbers, by their types."""
    return [f.name for f in fields(method_class(name)) if re.search(r"\b(int|float)\b", str(f.type))]


def test_most_settings_are_walked() -> None:
    assert sum(len(numeric(name)) for name in METHODS) > 800
    assert {"critic", "weight", "lr", "clip", "rank", "unfreeze"} <= set(numeric("dann"))
    assert {"Cs", "folds", "few_weight", "ridge", "strength"} <= set(numeric("tca"))


@pytest.mark.parametrize("name", METHODS)
def test_what_is_no_finite_number_or_negative_is_refused_by_name(name: str) -> None:
    default = method_class(name)()
    for setting in numeric(name):
        several = isinstance(getattr(default, setting), tuple)
        # How many blocks could move is the backbone's to say, and it does.
        for value in ABSURD[:-1] if setting == "unfreeze" else ABSURD:
            with suppress_unused_warnings(), pytest.raises(InputError) as caught:
                find_method(name, {setting: (value,) if several else value})
            assert setting in str(caught.value), f"{setting}={value}: {caught.value}"


@pytest.mark.parametrize("name", METHODS)
def test_defaults_and_the_ends_of_their_ranges_are_legal(name: str) -> None:
    for record in method_class(name).settings():
        span, ends = record.get("range") or (), bounds_of(record)
        for value in (record["default"], *span):
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                assert ends.get("least", -math.inf) <= value <= ends.get("most", math.inf), record
                assert ends.get("above", -math.inf) < value < ends.get("below", math.inf), record


ROWS: list[tuple[str, str, Any, str]] = [
    *((name, "critic", -3, "critic must be at least 1; it was -3.") for name in ("dann", "cdan", "cdan-e", "bsp")),
    *((name, "critic", 0, "critic must be at least 1; it was 0.") for name in ("vada", "mdd", "adda", "cgn")),
    ("tca", "ridge", math.inf, "ridge must be a finite number; it was inf."),
    ("tca", "ridge", 0.0, "ridge must be above 0; it was 0.0."),
    ("mcc", "temperature", 0.0, "temperature must be above 0; it was 0.0."),
    ("mcc", "weight", math.inf, "weight must be a finite number; it was inf."),
    ("mcc", "weight_decay", math.inf, "weight_decay must be a finite number; it was inf."),
    ("mcc", "layer_decay", 1.5, "layer_decay must be above 0 and at most 1; it was 1.5."),
    ("mcc", "label_smoothing", 1.0, "label_smoothing must be 0 or more and below 1; it was 1.0."),
    ("mcc", "clip", 0.0, "clip must be above 0, or none; it was 0.0."),
    ("mdd", "margin", 0.0, "margin must be above 0; it was 0.0."),
    ("bsp", "penalty", -1.0, "penalty must be 0 or more; it was -1.0."),
    ("afn", "step", -5.0, "step must be 0 or more; it was -5.0."),
    ("density-ratio", "penalty", -1.0, "penalty must be 0 or more; it was -1.0."),
    ("kmm", "bound", math.inf, "bound must be a finite number; it was inf."),
    ("kmm", "bound", 0.5, "bound must be at least 1; it was 0.5."),
    ("mean-teacher", "decay", 1.5, "decay must be 0 or more and below 1; it was 1.5."),
    ("mean-teacher", "strength", 1.0, "strength must be 0 or more and below 1; it was 1.0."),
    ("noisy-student", "strength", 1.0, "strength must be 0 or more and below 1; it was 1.0."),
    ("fixmatch", "threshold", 2.0, "threshold must be 0 or more and below 1; it was 2.0."),
    ("fixmatch", "strength", 1.0, "strength must be 0 or more and below 1; it was 1.0."),
    ("shot", "label_smoothing", 1.0, "label_smoothing must be 0 or more and below 1; it was 1.0."),
    ("vada", "radius", -0.1, "radius must be 0 or more; it was -0.1."),
    ("mcd", "turns", 0, "turns must be at least 1; it was 0."),
    ("adda", "adapt_epochs", 0, "adapt_epochs must be at least 1; it was 0."),
]


@pytest.mark.parametrize(("name", "setting", "value", "message"), ROWS)
def test_the_message_says_what_is_legal(name: str, setting: str, value: Any, message: str) -> None:
    with suppress_unused_warnings(), pytest.raises(InputError) as caught:
        find_method(name, {setting: str(value)})
    assert str(caught.value) == message


def test_what_is_changed_later_is_asked_too() -> None:
    with pytest.raises(InputError, match=r"critic must be at least 1; it was 0\."):
        DANN().set_params(critic=0)


@pytest.mark.parametrize(("setting", "value"), [("epochs", 2.5), ("bottleneck", 8.0), ("rank", 2.5)])
def test_a_fraction_in_python_is_no_whole_number(setting: str, value: float) -> None:
    with pytest.raises(InputError, match=f"{setting} must be a whole number; it was {value}."):
        find_method("mcc", {setting: value, "tuning": "lora"})
