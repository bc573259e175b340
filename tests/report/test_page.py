"""The page as text: what is there, what is left out, what is escaped, and that it asks for nothing."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from transferium.errors import InputError
from transferium.report.page import HERE, MOST_IDS, render, write_report
from transferium.report.schema import Metrics, Run

Maker = Callable[..., dict[str, Any]]
SECTIONS = "verdict references reliability metrics examples confusion classes choice curves doctor timing provenance"
VOID = {"meta", "link", "img", "br", "input", "hr"}


class Outline(HTMLParser):
    """Ids, attributes that could load something, and whether every tag is closed in its turn."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.labelled: list[str] = []
        self.loads: list[str] = []
        self.handlers: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name == "aria-labelledby":
                self.labelled.append(value or "")
            if name.startswith("on"):
                self.handlers.append(name)
            if name in ("src", "href", "srcset", "action", "poster", "xlink:href"):
                self.loads.append(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes another tag"


def test_every_section_is_there_once_and_every_tag_is_closed(run: dict[str, Any], pictures: Any) -> None:
    outline = Outline(render(run, pictures))
    assert not outline.open
    assert set(SECTIONS.split()) <= set(outline.ids)
    assert len(outline.ids) == len(set(outline.ids))
    assert set(outline.labelled) <= set(outline.ids)
    assert outline.tags.count("h1") == 1


def test_the_fixture_keeps_to_the_schema_and_survives_json(run: dict[str, Any]) -> None:
    assert set(run) <= set(Run.__annotations__)
    tables = {name for name, value in run["test"].items() if isinstance(value, list)}
    assert tables <= set(Metrics.__annotations__)
    assert render(json.loads(json.dumps(run))) == render(run)


def test_only_name_and_accuracy_are_needed() -> None:
    page = render({"name": "little", "test": {"accuracy": {"value": 0.9, "low": 0.8, "high": 1.0}}})
    outline = Outline(page)
    assert {"verdict", "metrics"} <= set(outline.ids)
    assert not set(outline.ids) & (set(SECTIONS.split()) - {"verdict", "metrics"})
    assert "90.0" in page


@pytest.mark.parametrize("left_out", sorted(set(Run.__annotations__) - {"name", "test"}))
def test_each_optional_part_may_be_missing_or_null(run: dict[str, Any], left_out: str) -> None:
    run.pop(left_out, None)
    Outline(render(run))
    Outline(render(run | {left_out: None}))


@pytest.mark.parametrize("left_out", sorted(set(Metrics.__annotations__) - {"accuracy"}))
def test_each_part_of_the_evaluation_may_be_missing(run: dict[str, Any], left_out: str) -> None:
    del run["test"][left_out]
    assert not Outline(render(run)).open


def test_what_every_report_needs_is_asked_for() -> None:
    with pytest.raises(InputError, match="a report needs 'name' and 'test'; it was given seed"):
        render({"seed": 1})
    with pytest.raises(InputError, match=r"needs run\['test'\]\['accuracy'\].*it was given 0\.9"):
        render({"name": "n", "test": {"accuracy": 0.9}})


def test_the_page_asks_for_nothing_outside_itself(run: dict[str, Any], pictures: Any) -> None:
    page = render(run, pictures)
    assert not re.search(r"https?:|url\(|@import|//[a-z]+\.", page)
    outline = Outline(page)
    assert outline.loads
    assert all(target.startswith(("data:", "#")) for target in outline.loads)
    assert "default-src 'none'" in page


def test_everything_a_user_can_name_is_escaped(run_of: Maker) -> None:
    evil = "<script>alert('x')</script>"
    quoted = '" onmouseover="alert(1)'
    run = run_of([evil, quoted, "蜜蜂 🐝"], per_class=30) | {
        "name": evil,
        "method": evil,
        "backbone": quoted,
        "command": f"transferium fit '{evil}'",
        "verdict": "hurt",
        "verdict_sentence": evil,
        "references": {evil: {"accuracy": {"value": 0.5, "low": 0.4, "high": 0.6}}},
        "seconds": {evil: 1.0, "total": 2.0},
        "history": [{"step": s, evil: s, f"val_{evil}": s * 2} for s in range(3)],
        "provenance": {"created": evil, "versions": {evil: quoted}},
    }
    run["doctor"]["findings"] = [{"kind": evil, "severity": evil, "message": evil, "ids": [evil, quoted, "🐝.jpg"]}]
    run["selection"] |= {"rule": evil, "data": quoted, "notes": [evil], "chosen": {evil: quoted}}
    run["selection"]["candidates"] = [{evil: quoted, "score": 1.0}]
    run["examples"] = [{"id": evil, "label": quoted, "predicted": evil, "confidence": 0.9, "text": evil}]
    page = render(run)
    outline = Outline(page)
    assert outline.tags.count("script") == 1
    assert not outline.handlers
    assert "alert" not in re.sub(r"&lt;script&gt;alert\(&#(39|x27);x&#(39|x27);\)&lt;/script&gt;|alert\(1\)", "", page)
    assert "蜜蜂 🐝" in page


def test_verdicts_are_told_by_words_and_not_by_colour_alone(run: dict[str, Any]) -> None:
    titles = {"helped": "Transfer helped", "no evidence": "No evidence that transfer helped", "hurt": "Transfer hurt"}
    pages = {word: render(run | {"verdict": word, "verdict_sentence": "So it is."}) for word in titles}
    for word, title in titles.items():
        assert f'<h2 id="verdict">{title}</h2>' in pages[word]
    icons = {re.search(r'class="icon".*?</svg>', page, re.DOTALL)[0] for page in pages.values()}
    assert len(icons) == 3
    assert '<h2 id="verdict">Not asked</h2>' in render(run | {"verdict": "not asked"})


def test_a_sentence_does_not_repeat_the_title(run: dict[str, Any]) -> None:
    page = render(run | {"verdict": "hurt", "verdict_sentence": "Transfer hurt: by 3 points."})
    assert "<p>By 3 points.</p>" in page


def test_how_many_held_out_examples_were_attacked_is_said(run: dict[str, Any]) -> None:
    figure = {"value": 0.5, "low": 0.4, "high": 0.6}
    row = {"attack": "PGD, 2 of 255 grey levels, 10 steps", "examples": 60, "clean": figure, "attacked": figure}
    attacked = {"model": row, "probe": row}
    some = render(run | {"attacked": attacked, "test": run["test"] | {"examples": 450}})
    assert "The same 60 held-out examples (drawn from 450, so that accuracy clean is not quite the one above)" in some
    every = render(run | {"attacked": attacked, "test": run["test"] | {"examples": 60}})
    assert "The same 60 held-out examples, clean and moved" in every


def test_long_lists_of_ids_are_cut_and_counted(run: dict[str, Any]) -> None:
    ids = [f"{i:05}.jpg" for i in range(MOST_IDS + 1234)]
    run["doctor"]["findings"] = [{"kind": "leak", "severity": "error", "message": "m", "ids": ids}]
    page = render(run)
    assert page.count(".jpg</li>") == MOST_IDS
    assert "and 1,234 more, listed in doctor.json" in page


def test_findings_come_in_the_order_of_their_severity(run: dict[str, Any]) -> None:
    run["doctor"]["findings"].reverse()
    page = render(run)
    assert page.index("Errors <span") < page.index("Warnings <span") < page.index("Notes <span")
    run["doctor"]["findings"] = []
    assert "found nothing to report" in render(run)


def test_examples_put_aside_are_counted(run: dict[str, Any]) -> None:
    for given in (3, ["a.jpg", "b.jpg", "c.jpg"]):
        run["doctor"]["quarantined"] = given
        assert "<b>3</b> <span>put aside</span>" in render(run)


def test_time_outside_the_named_parts_is_shown_as_the_rest(run: dict[str, Any]) -> None:
    page = render(run | {"seconds": {"read": 1.0, "total": 4.0}})
    assert re.search(r"Rest</th><td class=\"n\">3\.0\u202fs</td><td class=\"n\">75\u202f%", page)
    assert "Rest</th>" not in render(run | {"seconds": {"read": 4.0, "total": 4.0}})


def test_writing_is_whole_or_not_at_all(run: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "报告 📄" / "report.html"
    path.parent.mkdir()
    path.write_text("the earlier page")

    def broken(_id: str) -> bytes:
        raise OSError("the disk went away")

    with pytest.raises(OSError, match="the disk went away"):
        write_report(run, path, broken)
    assert path.read_text() == "the earlier page"
    write_report(run, path, lambda _id: None)
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]


def test_a_page_of_many_classes_stays_small_and_quick(run_of: Maker, pictures: Any) -> None:
    run = run_of([f"class {i:03}" for i in range(150)], per_class=10)
    render(run)
    start = time.process_time()
    page = render(run)
    assert time.process_time() - start < 0.5, "far above the 0.04 s it takes: something grew with the classes squared"
    assert len(page) < 300_000
    assert len(render(run, pictures)) < 1_500_000


def test_the_first_page_of_a_process_is_quick_and_needs_no_heavy_library() -> None:
    code = """
import sys, time
from transferium.report.page import render
run = {"name": "n", "test": {"accuracy": {"value": 0.9, "low": 0.8, "high": 1.0}}}
start = time.process_time()
render(run)
print(time.process_time() - start)
print(sorted({"torch", "numpy", "matplotlib", "pandas", "scipy", "sklearn", "PIL"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    spent, heavy = done.stdout.splitlines()
    assert float(spent) < 0.3, "0.1 s of processor time is what it takes"
    assert heavy == "[]"


def test_every_file_of_the_page_is_packaged() -> None:
    project = (Path(__file__).resolve().parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    suffixes = {p.suffix for p in HERE.iterdir() if p.is_file()} - {".py"}
    assert suffixes == {".jinja", ".css", ".js"}
    assert all(f'"report/*{suffix}"' in project for suffix in suffixes)
