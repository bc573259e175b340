"""``transferium methods``: a page of all, one in full, and what a word finds."""

from __future__ import annotations

import shlex
from collections.abc import Callable

import pytest

from transferium.cli import method_list
from transferium.methods.catalogue import FAMILIES, METHODS, describe_methods, method_class
from transferium.methods.settings.parse import configure, split_settings


def test_the_page_has_a_line_for_each_method_under_its_family(
    run_cli: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    ran = run_cli("methods")
    lines = ran.out.splitlines()
    named = [line.split()[0] for line in lines if line.startswith("  ")]
    assert ran.code == 0 and sorted(named) == sorted(METHODS)
    assert [line for line in lines if line in FAMILIES.values()] == list(FAMILIES.values())
    assert len(lines) < len(METHODS) + 3 * len(FAMILIES) and max(map(len, lines)) <= 115


def test_a_narrow_terminal_cuts_lines_and_shows_that_it_did(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    lines = method_list.page(describe_methods()).splitlines()
    assert max(len(line) for line in lines if line.startswith("  ")) == 60
    assert next(line for line in lines if line.startswith("  probe ")).endswith("…")


def test_one_in_full_has_every_setting_as_it_can_be_typed() -> None:
    for method in describe_methods():
        lines = [line for line in method_list.in_full(method).splitlines() if line.startswith("  --set ")]
        shown = [shlex.split(line)[1] if "'" in line.split()[1] else line.split()[1] for line in lines]
        read = configure(method_class(method["name"]), split_settings(tuple(shown)))
        assert {s["name"]: s["default"] for s in method["settings"]} == read.get_params(), method["name"]


def test_in_full_says_what_it_needs(run_cli: Callable) -> None:
    assert "Needs --source" in run_cli("methods", "coral").out and "Needs" not in run_cli("methods", "probe").out
    ran = run_cli("methods", "fintune")
    assert ran.code == 2 and "there is no method 'fintune'. Did you mean 'finetune'?" in ran.err
    ran = run_cli("methods", "coral", "--search", "mean")
    assert ran.code == 2 and "give one of them" in ran.err


def test_a_search_finds_names_words_and_settings(run_cli: Callable) -> None:
    ran = run_cli("methods", "--search", "MixUp")
    assert ran.out.count("--set mixup=0.0") == 1 and "of finetune, lp-ft" in ran.out and "  knn" not in ran.out
    assert "  coral" in run_cli("methods", "--search", "covariance").out
    assert {m["name"] for m in run_cli("methods", "--search", "mixup", "--json").json} >= {"finetune", "bss"}
    ran = run_cli("methods", "--search", "nothing says this")
    assert ran.code == 2 and "no method and no setting says 'nothing says this'" in ran.err


def test_json_is_complete(run_cli: Callable) -> None:
    described = {
        method["name"]: {s["name"] for s in method["settings"]} for method in run_cli("methods", "--json").json
    }
    assert described["finetune"] < described["bss"] and "cutmix" in described["lp-ft"]
    (alone,) = run_cli("methods", "knn", "--json").json
    assert alone["name"] == "knn" and {"family", "summary", "description", "problems", "needs"} < alone.keys()
