"""The page of an evaluation from every side: whole, without scripts or anything from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from transferium.errors import InputError
from transferium.report.sides.page_of_sides import check_page, page_of_sides, write_page_of_sides
from transferium.report.sides.sections import SHOWN, sections
from worlds.accessible import violations

AREA = {"value": 0.9, "low": 0.8, "high": 1.0}
EVIL = "<b>ants</b>"


def example(name: str, parts: list[str], shape: list[int], adds: list[float]) -> dict[str, Any]:
    told = {"id": name, "label": EVIL, "answer": "bees", "confidence": 0.9, "parts": parts, "shape": shape}
    return told | {"adds": adds, "nearest": [{"id": "known", "label": "bees", "similarity": 0.5}]}


SIDES: dict[str, Any] = {
    "train_test_gap": {"reason": f"none of {EVIL} is there", "seconds": 0.1},
    "out_of_distribution": {"against": EVIL, "examples": 9, "others": 8, "shared": 0, "energy": AREA},
    "blocks": {
        "figure": "accuracy", "learned_from": 40, "tested_on": 30, "best": "top",
        "blocks": [{"block": "top", "channels": 8, "dead": 0.25, "probe": AREA}],
    },
    "robustness": {
        "examples": 5, "of": 9, "severities": [1, 2], "clean": {"model": 0.1}, "errors": {"model": {"fog": [0.1, 0.3]}},
    },
    "why": {
        "method": "each part left out", "of": 9,
        "examples": [
            example("a.png", [f"row {i}, column {j}" for i in (1, 2) for j in (1, 2)], [2, 2], [0.4, 0.0, -0.1, 0.0]),
            example("b", ["a", EVIL, "day"], [3], [0.0, 0.2, -0.1]),
        ],
    },
}  # fmt: skip


def picture(name: str) -> Any:
    return np.full((20, 20, 3), 90, np.uint8) if name == "a.png" else None


def test_a_page_is_whole_and_safe_and_shows_heat_and_words() -> None:
    page = page_of_sides(SIDES, EVIL, "accuracy 0.9", picture)
    assert EVIL not in page and "&lt;b&gt;ants&lt;/b&gt;" in page
    assert not re.findall(r"<script|https?://|@import", page) and "default-src 'none'" in page
    assert "Not said: none of" in page and page.count("<section") == len(SIDES)
    charts = [ElementTree.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", page, re.S)]
    (heat,) = [svg for svg in charts if svg.get("class") == "heat"]
    patches = heat.findall("rect")
    assert [p.get("class") for p in patches][:3] == ["for", "against", "against"]
    assert [float(p.get("fill-opacity", "")) for p in patches] == pytest.approx([0.7, 0, 0.175, 0])
    assert "most speaks for it in row 1, column 1" in heat.get("aria-label", "")
    assert all(svg.get("aria-label") or svg.get("aria-hidden") for svg in charts), "each has a name or is decoration"
    words = re.findall(r'<mark class="part (for|against)" style="--share:([0-9.]+)" title', page)
    assert words == [("against", "0.000"), ("for", "1.000"), ("against", "0.500")]


def test_every_side_has_a_section_and_what_is_unknown_none() -> None:
    from transferium.evaluation.sides.every_side import SIDES as LOOKED_FROM

    assert set(SHOWN) == {*LOOKED_FROM, "subgroups", "out_of_distribution"}
    assert [one.title for one in sections({"sampled": "words", "why": {"method": "each column", "columns": []}})] == [
        "Why"
    ]


def test_a_page_takes_the_place_of_no_other_file(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    for _ in range(2):
        check_page(path)
        write_page_of_sides(SIDES, "run", "", path, picture)
    path.write_text("a diary")
    with pytest.raises(InputError, match="something else than such a page; nothing was overwritten"):
        check_page(path)
    with pytest.raises(InputError, match="is a folder; name a file in it"):
        check_page(tmp_path)
    with pytest.raises(InputError, match="the page cannot be written to"):
        write_page_of_sides(SIDES, "run", "", path / "below.html", picture)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_rule_of_accessibility_is_broken(browser: Any, tmp_path: Path, scheme: str) -> None:
    page = tmp_path / "sides.html"
    page.write_text(page_of_sides(SIDES, EVIL, "accuracy 0.9", picture), encoding="utf-8")
    with browser.new_page() as tab:
        tab.set_viewport_size({"width": 390, "height": 844})
        tab.emulate_media(color_scheme=scheme)
        tab.goto(page.as_uri())
        assert violations(tab) == []
