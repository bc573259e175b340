"""What the docstring of a method that adapts tells its reader: a formula, a paper, and when to prefer what."""

from __future__ import annotations

import re

import pytest

from transferium.methods.catalogue import method_class

NAMES = (
    *("dan", "jan", "deep-coral", "afn", "bnm", "mcc", "infomax", "dann", "bsp", "cdan", "cdan-e", "mdd"),
    *("pseudo-label", "noisy-student", "mean-teacher", "can", "source-only", "label-shift", "bbse", "em"),
    *("standardise", "subspace", "tca", "jda", "bda", "ot", "linear-map", "kmm", "density-ratio", "prototypes"),
)


@pytest.mark.parametrize("name", NAMES)
def test_formula_paper_and_when_to_prefer_what(name: str) -> None:
    text = " ".join((method_class(name).__doc__ or "").split())
    assert re.search(r"(19|20)\d\d", text), "a paper"
    assert re.search(r"[Pp]refer |Right where|[Rr]ight only|[Nn]eeds|[Ff]or covariate|[Ff]ollows any|wrong", text), (
        "when"
    )


@pytest.mark.parametrize(
    "name", ["bsp", "bda", "tca", "source-only", "cdan-e", "bbse", "em", "standardise", "subspace", "ot", "kmm"]
)
def test_the_formula_of_those_that_had_none(name: str) -> None:
    text = method_class(name).__doc__ or ""
    assert re.search(r"``[^`]*(\|\||Σ|<-|->|exp|tr\()[^`]*``", text)
