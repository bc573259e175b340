"""The section that shows what training saw."""

from __future__ import annotations

import base64
import re
from typing import Any

from transferium.report.augmented import augmented
from transferium.report.page import render

JPEG = b"\xff\xd8\xff\xe0 not looked into"


def test_a_picture_is_inside_the_page(run: dict[str, Any]) -> None:
    html = render(run | {"augmented": {"recipe": "simple = crop:0.5+flip:0.5", "file": "a.jpg", "picture": JPEG}})
    assert "What training saw" in html and "<code>simple = crop:0.5+flip:0.5</code>" in html
    found = re.search(r'<img class="sheet" src="data:image/jpeg;base64,([^"]+)" alt="[^"]+"', html)
    assert found is not None and base64.b64decode(found[1]) == JPEG


def test_texts_stand_beside_their_versions_and_are_escaped(run: dict[str, Any]) -> None:
    texts = [{"id": "1", "label": "a", "original": "a <b> c", "versions": ["c <b>", "a [MASK]"]}]
    html = render(run | {"augmented": {"recipe": "strong", "texts": texts}})
    assert '<th scope="rowgroup" rowspan="2" dir="auto">a &lt;b&gt; c</th>' in html
    assert '<td dir="auto">c &lt;b&gt;</td>' in html and "a [MASK]" in html and 'class="sheet"' not in html


def test_without_augmentation_there_is_no_section(run: dict[str, Any]) -> None:
    assert "What training saw" not in render(run)
    assert augmented(None, "images") is None
    assert augmented({"recipe": "simple", "file": "augmented.jpg"}, "images") is None, (
        "a page made again has no picture at hand"
    )
