"""What the docstring of a method tells its reader: a formula, a paper, and when to prefer what.

Whoever is in the catalogue is asked; a method that has nothing to cite, to prefer or to compute says here why.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from transferium.methods.catalogue import METHODS, method_class

PAPER = re.compile(r"\b(19|20)\d\d\b")
WHEN = re.compile(
    r"[Pp]refer |Right where|[Rr]ight only|[Nn]eeds|[Ff]or covariate|[Ff]ollows any|wrong"
    r"|wins where|breaks where|forgets most|instead of|not a recommendation"
)
FORMULA = re.compile(r"``[^`]*( [=·/+⊗] |Σ|\|\||<-|->|exp|tr\(|H\()[^`]*``")

NO_PAPER = {
    "auto": "chooses among the others",
    "probe": "logistic regression",
    "finetune": "what everybody does",
    "scratch": "a reference",
    "frozen-sgd": "the first exercise of a course",
    "source-network": "what the others are compared with",
}
NO_PREFERENCE = {"auto": "prefers by measuring"}
NO_FORMULA = {
    "mcd": "two heads take turns",
    "adda": "an encoder and a critic take turns",
    "adabn": "statistics are replaced",
    "coral": "a map, said in words",
    "jda": "a map, said in words",
    "tradaboost": "rounds of boosting",
}
"""Of the methods that adapt."""

ADAPT = [name for name in METHODS if method_class(name).needs_target or method_class(name).needs_few]
DOCS = "\n".join(path.read_text("utf-8") for path in (Path(__file__).resolve().parents[2] / "docs").glob("*.md"))


def told(name: str) -> str:
    return " ".join((method_class(name).__doc__ or "").split())


@pytest.mark.parametrize("name", METHODS)
def test_a_summary_of_one_sentence_and_more_below(name: str) -> None:
    first, _, rest = (method_class(name).__doc__ or "").partition("\n")
    assert first.endswith(".") and len(rest.split()) > 15


@pytest.mark.parametrize("name", METHODS)
def test_a_paper(name: str) -> None:
    assert bool(PAPER.search(told(name))) != (name in NO_PAPER)


@pytest.mark.parametrize("name", METHODS)
def test_when_to_prefer_what(name: str) -> None:
    assert bool(WHEN.search(told(name))) != (name in NO_PREFERENCE)


@pytest.mark.parametrize("name", ADAPT)
def test_a_formula_of_what_adapts(name: str) -> None:
    assert bool(FORMULA.search(told(name))) != (name in NO_FORMULA)


def test_those_that_need_no_formula_are_in_the_catalogue() -> None:
    assert {*NO_PAPER, *NO_PREFERENCE} <= set(METHODS) and set(NO_FORMULA) <= set(ADAPT)
    assert len(ADAPT) > 25


@pytest.mark.parametrize("name", sorted({*re.findall(r"--method ([a-z0-9-]+)", DOCS)}))
def test_methods_that_the_documents_use_are_in_the_catalogue(name: str) -> None:
    assert name in METHODS
