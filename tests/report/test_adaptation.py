"""The section of a report on source and target."""

from __future__ import annotations

from typing import Any

from transferium.report.adaptation import scatter
from transferium.report.page import render


def test_everything_an_adaptation_found_is_on_the_page(run: dict[str, Any], told: dict[str, Any]) -> None:
    change = {"value": -0.1, "low": -0.2, "high": -0.01}
    by_class = [{"class": "mug", "support": 30, "before": 0.9, "after": 0.8, "change": change, "word": "hurt"}]
    page = render(run | {"adaptation": told, "by_class": by_class})
    for said in (
        "From dslr (157 labelled examples) to amazon",
        "They were stripped before anything was learned",
        "Class collapse:",
        "too few rows",
        "Gain over source only",
        "Oracle: chosen by target labels, for research only",
        "+1.2 points",
        "−10.0",
        "hurt",
    ):
        assert said in page, said
    assert page.count('class="chart cloud"') == 2
    assert "What validators say" not in page


def test_what_validators_think_of_a_named_method_and_how_a_map_was_drawn(
    run: dict[str, Any], told: dict[str, Any]
) -> None:
    rows = [{"method": "source-only", "ami": 0.512}, {"method": "coral", "ami": None}]
    told["opinions"] = {"rows": rows, "notes": ["the method was named"]}
    told["maps"]["after"] = told["maps"]["after"] | {"kind": "tsne"}
    page = render(run | {"adaptation": told})
    for said in ("What validators say", "0.512", "the method was named", "t-SNE: what is near was near"):
        assert said in page, said


def test_a_target_without_labels_has_a_page_without_figures(run: dict[str, Any], told: dict[str, Any]) -> None:
    bare = {k: v for k, v in run.items() if k not in ("references", "difference", "examples")}
    page = render(
        bare | {"test": {}, "adaptation": told, "verdict": "not asked", "verdict_sentence": "It cannot be said."}
    )
    assert "It cannot be said." in page and 'class="headline"' not in page
    assert "Every figure, with its interval" not in page and "Can its confidence be trusted" not in page


def test_names_of_domains_and_classes_are_escaped(run: dict[str, Any], told: dict[str, Any]) -> None:
    evil = "<script>alert(1)</script>"
    told["source"]["name"] = told["shares"][0]["class"] = evil
    told["collapsed"] = [evil]
    assert evil not in render(run | {"adaptation": told}) and evil not in scatter({evil: [[0.0, 0.0]]}, evil)


def test_the_two_domains_are_told_apart_by_shape_and_by_words() -> None:
    drawn = scatter({"source": [[0.0, 0.0]], "target": [[1.0, 1.0]]}, "Before")
    assert drawn.count("<circle") == 1 and drawn.count('class="cross"') == 1
    assert 'aria-label="Before: 1 points of the source, 1 points of the target"' in drawn


def test_what_was_adapted_to_is_not_called_held_out(run: dict[str, Any], told: dict[str, Any]) -> None:
    whole = render(run | {"adaptation": told | {"transductive": True}})
    assert "held-out" not in whole and ">held out<" not in whole and "took no part in any choice." not in whole
    assert "on 152 target examples" in whole
    assert "Measured on the target examples that it was adapted to: their inputs took part, their labels" in whole
    divided = render(run | {"adaptation": told | {"transductive": False}})
    assert "on 152 held-out examples" in divided and "took no part in any choice." in divided


def test_what_is_said_of_a_distance_stands_under_it(run: dict[str, Any], told: dict[str, Any]) -> None:
    told["distance"]["after"]["note"] = "right less often than by chance"
    assert "After: right less often than by chance." in render(run | {"adaptation": told})
