"""The page of a server in a real browser: a keyboard is enough, it fits a phone, and every error is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from worlds.accessible import violations
from worlds.served import serving

PHONE = {"width": 390, "height": 844}


def test_a_text_is_typed_and_answered(browser: Any, texts: Path) -> None:
    with serving(texts, TRANSFERIUM_TOKEN="abc") as (address, _), browser.new_page() as tab:
        complaints: list[str] = []
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("request", lambda asked: asked.url.startswith(address) or complaints.append(asked.url))
        tab.set_viewport_size(PHONE)
        tab.goto(address)
        tab.wait_for_selector("#write:not([hidden])")
        assert "cat, dog" in tab.inner_text("#about")
        tab.keyboard.press("Tab")
        tab.keyboard.type("dog 7 runs")
        tab.keyboard.press("Tab")
        tab.keyboard.press("Enter")
        tab.wait_for_selector(".error")
        assert "Bearer" in tab.inner_text("#answer")
        tab.fill("#token", "abc")
        tab.keyboard.press("Enter")
        tab.wait_for_selector("#answer h2")
        assert tab.inner_text("#answer h2") == "dog" and tab.locator("#answer meter").count() == 2
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        fields = "[...document.querySelectorAll('input:not([hidden]), textarea, meter')]"
        assert tab.evaluate(f"{fields}.filter(e => !e.labels?.length && !e.ariaLabel).length") == 0
        assert violations(tab) == [] and not complaints


def test_a_row_is_written_as_json_and_a_wrong_one_is_said(browser: Any, rows: Path) -> None:
    with serving(rows) as (address, _), browser.new_page() as tab:
        tab.goto(address)
        tab.wait_for_function("document.getElementById('text').value")
        assert "size" in tab.input_value("#text"), "the row is an example with the columns of the model"
        tab.fill("#text", "{")
        tab.click("button")
        tab.wait_for_selector(".error")
        tab.fill("#text", '{"size": 3, "colour": "red"}')
        tab.click("button")
        tab.wait_for_selector("#answer h2")
        assert tab.inner_text("#answer h2") == "big"


def test_entities_are_marked_in_the_text(browser: Any, sentences: Path) -> None:
    with serving(sentences) as (address, _), browser.new_page() as tab:
        tab.goto(address)
        tab.wait_for_selector("#write:not([hidden])")
        tab.fill("#text", "yesterday 😀 Anna travelled to Paris by train")
        tab.click("button")
        tab.wait_for_selector("#answer mark")
        assert "Paris" in tab.inner_text("#answer") and "place" in tab.inner_text("#answer mark >> nth=-1")
        said = "[...document.querySelector('#answer p').childNodes].map(n => n.firstChild?.data ?? n.data).join('')"
        assert tab.evaluate(said) == "yesterday 😀 Anna travelled to Paris by train"
