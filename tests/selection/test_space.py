"""What a search may turn, from what methods declare and what users ask."""

import pytest

from transferium.errors import InputError
from transferium.selection.space import Dial, find_dials

SETTINGS = [
    {"name": "lr", "default": 1e-3, "range": (1e-5, 1e-2)},
    {"name": "epochs", "default": 8, "range": (1, 100)},
    {"name": "share", "default": 0.5, "range": (0.0, 1.0)},
    {"name": "optimiser", "default": "adamw", "range": ("adamw", "sgd")},
    {"name": "nesterov", "default": False, "range": (False, True)},
    {"name": "workers", "default": 0},
]


def test_declared_ranges_become_dials_of_their_kind():
    dials = {d.name: d for d in find_dials(SETTINGS, [])}
    assert list(dials) == ["lr", "epochs", "share", "optimiser", "nesterov"]
    assert dials["lr"].logarithmic and not dials["lr"].whole
    assert dials["epochs"].whole and dials["epochs"].logarithmic
    assert not dials["share"].logarithmic
    assert dials["optimiser"].choices == ("adamw", "sgd") and dials["nesterov"].choices == (False, True)


def test_the_default_list_is_searched_where_nothing_is_asked():
    assert [d.name for d in find_dials(SETTINGS, [], ("lr", "epochs"))] == ["lr", "epochs"]
    assert [d.name for d in find_dials(SETTINGS, ["share"], ("lr",))] == ["share"]


def test_ranges_and_choices_can_be_given():
    lr, epochs, optimiser, workers = find_dials(
        SETTINGS, ["lr=1e-4:1e-3", "epochs=2:6", "optimiser=sgd,adam", "workers=0,2"]
    )
    assert lr == Dial("lr", 1e-4, 1e-3) and not lr.logarithmic
    assert epochs.whole and (epochs.low, epochs.high) == (2, 6)
    assert optimiser.choices == ("sgd", "adam") and workers.choices == ("0", "2")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (["lrr"], "no setting 'lrr' to search. Did you mean 'lr'"),
        (["workers"], "'workers' declares no range: give one, as in --search workers=1:10"),
        (["lr=1:0.1"], "the lower end must come first"),
        (["lr=a:b"], "is not a range; write lr=low:high"),
        (["lr", "lr=1e-4:1e-3"], "more than once"),
    ],
)
def test_what_cannot_be_searched_is_said(asked, message):
    with pytest.raises(InputError) as error:
        find_dials(SETTINGS, asked)
    assert message in str(error.value)


def test_nothing_to_search_is_said():
    with pytest.raises(InputError, match="declares no range to search"):
        find_dials([{"name": "workers", "default": 0}], [])
