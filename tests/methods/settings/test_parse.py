"""``--set name=value`` reads what a field's type says and names what it does not understand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest

from transferium.errors import InputError
from transferium.methods.settings.parse import configure, split_settings


@dataclass
class Knobs:
    name: ClassVar[str] = "knobs"
    epochs: int = 10
    lr: float | str = 1e-3
    Cs: tuple[float, ...] = (1.0,)
    unfreeze: int | str = "all"
    optimiser: str = "adamw"
    balanced: bool = False
    size: int | None = None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("epochs=3", 3),
        ("lr=auto", "auto"),
        ("lr=3e-4", 3e-4),
        ("Cs=0.1, 1,10", (0.1, 1.0, 10.0)),
        ("unfreeze=2", 2),
        ("unfreeze=norm", "norm"),
        ("optimiser=sgd", "sgd"),
        ("balanced=yes", True),
        ("size=none", None),
        ("size=64", 64),
    ],
)
def test_values_are_read_by_type(text: str, value: object) -> None:
    name = text.partition("=")[0]
    assert getattr(configure(Knobs, split_settings((text,))), name) == value


def test_one_number_stands_for_a_list_of_it() -> None:
    assert configure(Knobs, {"Cs": 3.0}).Cs == (3.0,)
    assert configure(Knobs, {"Cs": [3.0, 4.0]}).Cs == [3.0, 4.0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch=3", "method 'knobs' has no setting 'epoch'. Did you mean 'epochs'?"),
        ("epochs=three", "setting epochs takes int; it was given 'three'."),
        ("balanced=maybe", "setting balanced takes bool; it was given 'maybe'."),
        ("Cs=1,x", "setting Cs takes floats separated by commas; it was given '1,x'."),
        ("epochs", "--set takes name=value, as in --set epochs=3; it was given 'epochs'."),
    ],
)
def test_what_cannot_be_read_is_named(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        configure(Knobs, split_settings((text,)))
    assert str(caught.value) == message
