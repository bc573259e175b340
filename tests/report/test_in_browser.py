"""The page in a real browser, opened from disk: it looks right, fits a phone, and a keyboard is enough."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from transferium.report.page import write_report
from worlds.accessible import violations

Maker = Callable[..., dict[str, Any]]
SIZES = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
LONG = "a_class_whose_name_has_no_place_to_break_and_goes_on_and_on_for_a_long_while"


@pytest.fixture
def tab(browser: Any) -> Iterator[Any]:
    with browser.new_page() as page:
        yield page


@pytest.fixture
def visit(tab: Any, tmp_path: Path, pictures: Any) -> Callable[..., list[str]]:
    """Open a run's page at a size; gives the list that complaints of the browser are added to."""

    def open_page(run: dict[str, Any], size: str = "desktop", scheme: str = "light") -> list[str]:
        complaints: list[str] = []
        path = tmp_path / "报告 🐝.html"
        write_report(run, path, pictures)
        tab.on("console", lambda message: complaints.append(f"console: {message.text}"))
        tab.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        tab.on("requestfailed", lambda request: complaints.append(f"failed: {request.url[:80]}"))
        tab.on("request", lambda r: r.url.startswith(("file:", "data:")) or complaints.append(f"asked: {r.url}"))
        tab.set_viewport_size(SIZES[size])
        tab.emulate_media(color_scheme=scheme)
        tab.goto(path.as_uri())
        return complaints

    return open_page


def overflow(tab: Any) -> list[str]:
    """Elements that stick out of the page to the right, unless something around them scrolls."""
    return list(
        tab.evaluate(
            """() => [...document.querySelectorAll("body *")]
            .filter(e => e.getBoundingClientRect().right > innerWidth + 1)
            .filter(e => getComputedStyle(e).position !== "absolute" && !e.closest(".scroll, pre, svg"))
            .map(e => e.tagName + "." + e.className)"""
        )
    )


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_without_complaint_and_shows_its_pictures(
    visit: Any, tab: Any, run: dict[str, Any], size: str, scheme: str
) -> None:
    complaints = visit(run, size, scheme)
    widths = tab.eval_on_selector_all(".example img", "images => images.map(i => [i.naturalWidth, i.offsetWidth])")
    assert len(widths) == min(24, len(run["examples"]))
    assert all(natural > 0 and shown > 60 for natural, shown in widths)
    assert tab.evaluate("document.documentElement.scrollWidth") == SIZES[size]["width"]
    assert overflow(tab) == []
    assert complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_rule_of_accessibility_is_broken(visit: Any, tab: Any, run: dict[str, Any], scheme: str) -> None:
    visit(run, "phone", scheme)
    assert violations(tab) == []


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        ([LONG, "<script>alert(1)</script>", "蜜蜂 🐝"], "image"),
        ([f"{LONG[:30]} {i}" for i in range(10)], "text"),
        ([f"class {i}" for i in range(25)], "image"),
        ([f"{i} {LONG}" for i in range(60)], "image"),
    ],
)
def test_any_names_and_numbers_of_classes_fit_a_phone(
    visit: Any, tab: Any, run_of: Maker, names: list[str], kind: str
) -> None:
    run = run_of(names, per_class=12, kind=kind) | {"name": LONG * 2, "verdict_sentence": LONG * 2}
    run["command"] = LONG * 4
    run["doctor"]["findings"][0] |= {"message": LONG * 3, "ids": [LONG * 3]}
    if kind == "text":
        run["examples"] = [e | {"text": f"{LONG} بيت 中文 " * 20} for e in run["examples"]]
    complaints = visit(run, "phone")
    for details in tab.locator("details").all():
        details.evaluate("d => d.open = true")
    assert tab.evaluate("document.documentElement.scrollWidth") == SIZES["phone"]["width"]
    assert overflow(tab) == []
    assert complaints == []


def test_the_overflow_check_sees_a_planted_fault(visit: Any, tab: Any, run: dict[str, Any]) -> None:
    visit(run, "phone")
    tab.evaluate(
        "document.querySelector('main').insertAdjacentHTML('beforeend', '<b style=\"display:block;width:900px\">x</b>')"
    )
    assert overflow(tab) == ["B."]


def test_a_keyboard_reaches_and_opens_the_examples(visit: Any, tab: Any, run: dict[str, Any]) -> None:
    visit(run)
    for _ in range(60):
        tab.keyboard.press("Tab")
        if tab.evaluate("document.activeElement.closest('.example') !== null"):
            break
    first = tab.locator(".example").first
    assert tab.evaluate("document.activeElement === document.querySelector('.example summary')")
    assert tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    before = first.locator("img").bounding_box()["width"]
    tab.keyboard.press("Enter")
    assert first.evaluate("d => d.open")
    assert first.locator("img").bounding_box()["width"] > 1.5 * before
    assert first.locator(".id").is_visible()
    tab.keyboard.press("Enter")
    assert not first.evaluate("d => d.open")


def test_every_picture_has_words_and_every_region_a_name(visit: Any, tab: Any, run: dict[str, Any]) -> None:
    visit(run)
    assert tab.locator(".example img").count() == tab.locator(".example img[alt*='predicted']").count() > 0
    assert tab.locator("[role=region]:not([aria-label]), svg[role=img]:not([aria-label])").count() == 0
    headings = tab.eval_on_selector_all("h1, h2, h3", "all => all.map(h => +h.tagName[1])")
    assert headings[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(headings))


def contrast(tab: Any, selector: str) -> float:
    """WCAG contrast of an element's text against the nearest opaque colour behind it."""
    return float(
        tab.eval_on_selector(
            selector,
            """e => {
            const rgb = c => c.match(/[\\d.]+/g).map(Number);
            const light = c => c.slice(0, 3).map(v => v / 255)
              .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
              .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
            let behind = e, colour = [0, 0, 0, 0];
            for (; behind && (colour[3] ?? 1) < 1; behind = behind.parentElement)
              colour = rgb(getComputedStyle(behind).backgroundColor);
            const [a, b] = [light(rgb(getComputedStyle(e).color)), light(colour)];
            return (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
          }""",
        )
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("word", ["helped", "no evidence", "hurt"])
def test_words_stand_out_from_their_ground(visit: Any, tab: Any, run: dict[str, Any], scheme: str, word: str) -> None:
    visit(run | {"verdict": word}, "desktop", scheme)
    for selector in (
        ".lead",
        ".facts li",
        ".facts span",
        ".hero h2",
        ".truth b",
        ".truth",
        "button",
        ".under",
        ".ours b",
    ):
        assert contrast(tab, selector) >= 4.5, selector


def test_the_command_is_copied_from_a_page_on_disk(visit: Any, tab: Any, run: dict[str, Any]) -> None:
    complaints = visit(run)
    tab.get_by_role("button", name="Copy").click()
    tab.wait_for_function("document.querySelector('[role=status]').textContent === 'Copied'")
    tab.evaluate(
        "document.body.append(Object.assign(document.createElement('textarea'), {id: 'pasted'}));"
        "document.getElementById('pasted').focus()"
    )
    tab.keyboard.press("Control+V")
    assert tab.locator("#pasted").input_value() == run["command"]
    assert complaints == []


def test_a_foreign_script_would_not_run(visit: Any, tab: Any, run: dict[str, Any]) -> None:
    complaints = visit(run)
    tab.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.bitten = 1\">')")
    tab.wait_for_timeout(100)
    assert tab.evaluate("window.bitten === undefined")
    assert any("Content Security Policy" in c for c in complaints)


def test_it_prints(visit: Any, tab: Any, run: dict[str, Any]) -> None:
    visit(run, "desktop", "dark")
    tab.emulate_media(media="print", color_scheme="dark")
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert tab.evaluate("getComputedStyle(document.querySelector('button')).display") == "none"
    assert tab.pdf().startswith(b"%PDF")
    tab.emulate_media(media="screen")


@pytest.mark.parametrize("size", SIZES)
def test_an_adaptation_fits_every_screen(visit: Any, tab: Any, run: dict[str, Any], told: Any, size: str) -> None:
    told["shares"][0]["class"] = LONG
    by_class = [{"class": LONG, "support": 3, "word": "too few examples"}]
    assert visit(run | {"adaptation": told, "by_class": by_class}, size, "dark") == []
    assert tab.locator("svg.cloud").count() == 2
    assert overflow(tab) == []
    assert tab.evaluate("document.documentElement.scrollWidth") == SIZES[size]["width"]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("problem", ["label_run", "amount_run"])
def test_other_problems_fit_every_screen(
    visit: Any, tab: Any, request: pytest.FixtureRequest, problem: str, size: str
) -> None:
    run = request.getfixturevalue(problem)
    assert visit(run, size, "dark") == []
    assert tab.locator(".headline .big").count() == 1
    assert tab.locator(".example").count() == 24
    assert overflow(tab) == []
    assert tab.evaluate("document.documentElement.scrollWidth") == SIZES[size]["width"]
