"""The documentation: tutorials do what they say in both languages, and the site loads nothing from elsewhere."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import transferium
from transferium.methods.catalogue import METHODS
from worlds.accessible import violations

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
TUTORIALS = sorted(path.stem for path in (DOCS / "tutorials").glob("*.md"))
CHINESE = sorted(path.relative_to(DOCS / "zh").as_posix() for path in (DOCS / "zh").rglob("*.md"))
NEEDS = {"within-an-hour": "optuna", "deploy": "fastapi"}
PYTHON = ("README.md", "docs/faq.md", "docs/adaptation.md")
"""Pages with examples in Python, beside the tutorials and those that have a test of their own."""
NEXT = "==> next block"
NUMBER = re.compile(r"[-+−]?\d[\d,.]*(?:e[-+]?\d+)?")
COMMENT = re.compile(r"\s*# .*")
LOADED = re.compile(r"""<(?:script|img|iframe|source|link)\b[^>]*?\b(?:src|href)=["']?(https?:)?//[^>]*>""")


class Block(NamedTuple):
    """A block of code: ``bash`` and ``python`` are run, ``text`` is what the one before prints, others are shown."""

    language: str
    code: str


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    return [Block(*found) for found in re.findall(r"^```(\w*)\n(.*?)^```", page.read_text("utf-8"), re.S | re.M)]


def printed(given: list[Block], folder: Path) -> list[str]:
    """What each block that is run prints, all of them in one shell, which ends at the first command that fails."""
    kinds = {"bash": "{}", "python": "python <<'END_OF_BLOCK'\n{}END_OF_BLOCK\n"}
    script = "".join(f"echo '{NEXT}'\n{kinds[b.language].format(b.code)}" for b in given if b.language in kinds)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        script = script.replace("8000", str(free.getsockname()[1]))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = ["bash", "-euo", "pipefail", "-c", script]
    ran = subprocess.run(
        command, cwd=folder, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-2000:]
    return ran.stdout.split(f"{NEXT}\n")[1:]


def missing(shown: str, output: str) -> list[str]:
    """The lines of ``shown`` that ``output`` does not have in this order, numbers and widths aside; … means more."""
    there = iter([_plain(line) for line in output.splitlines()])
    wanted = [line for line in shown.splitlines() if line.strip() not in ("", "…")]
    return [line for line in wanted if not any(_begins(other, *_plain(line).partition("…")) for other in there)]


def _plain(line: str) -> str:
    return " ".join(re.sub("--+", "--", NUMBER.sub("0", line)).split())


def _begins(line: str, start: str, more: str, _: str) -> bool:
    return line.startswith(start) if more else line == start


@pytest.mark.slow
@pytest.mark.parametrize("name", TUTORIALS)
def test_a_tutorial_does_what_it_says(name: str, tmp_path: Path) -> None:
    pytest.importorskip(NEEDS.get(name, "transferium"))
    page = blocks(DOCS / "tutorials" / f"{name}.md")
    run = [block for block in page if block.language in ("bash", "python")]
    if any("curl " in block.code for block in run) and not shutil.which("curl"):
        # No Python package brings it: readers have it from their system, and a test installs nothing.
        pytest.skip("this tutorial asks a server by curl, which is not installed here")
    output = dict(zip(run, printed(page, tmp_path), strict=True))
    shown = [(code, text) for code, text in pairwise(page) if text.language == "text"]
    assert shown and not [line for code, text in shown for line in missing(text.code, output[code])]


WORLD = """
from pathlib import Path
import numpy as np, pandas as pd
from PIL import Image
from sklearn.datasets import load_digits
import transferium as tm

X, y = load_digits(return_X_y=True)
pictures = [Image.fromarray((x.reshape(8, 8) * 15).astype("uint8")).resize((32, 32)) for x in X[y < 2][:48]]
names = [("ants", "bees")[label] for label in y[y < 2][:48]]
places = ["path/to/ants_bees/train/{}", "path/to/ants_bees/val/{}", "labelled_photos/{}", "later_labelled/{}"]
for place in (*places, "new_photos"):
    for number, (picture, name) in enumerate(zip(pictures, names)):
        folder = Path(place.format(name))
        folder.mkdir(parents=True, exist_ok=True)
        picture.rotate(10 * (place != places[0]) + len(place)).save(folder / f"{number}.png")
pictures[0].save("a.jpg"), pictures[1].save("b.jpg")
texts = [f"It is {('good', 'bad')[row % 2]}, number {row} says so." for row in range(24)]
pd.DataFrame({"text": texts, "label": ["+", "-"] * 12}).to_csv("reviews.csv", index=False)
tm.TransferClassifier().fit(tm.read("labelled_photos")).save("runs/model")
X, y = X[:200], y[:200]
"""
"""What the examples of the pages speak of: pictures of two classes, texts, a saved model, arrays."""


@pytest.mark.slow
@pytest.mark.parametrize("name", PYTHON)
def test_the_python_of_a_page_runs(name: str, tmp_path: Path) -> None:
    code = "\n".join(block.code for block in blocks(ROOT / name) if block.language == "python")
    printed([Block("python", f"{WORLD}\n{code}")], tmp_path)


def test_what_is_shown_and_not_printed_is_found() -> None:
    assert not missing("a  12.5 % of …\n…\nb\n", "a -3 % of c\nx\nb\n")
    assert missing("b\na 1\n", "a 1\nb\n") == ["a 1"] and missing("helped\n", "hurt\n")


@pytest.mark.parametrize("name", CHINESE)
def test_a_chinese_page_says_the_same(name: str) -> None:
    """Its blocks, comments aside, its commands and its figures are those of the English page."""
    chinese, english = DOCS / "zh" / name, DOCS / name
    plain = [
        [block._replace(code=COMMENT.sub("", block.code)) for block in blocks(page)] for page in (chinese, english)
    ]
    assert plain[0] == plain[1]
    texts = [" ".join(page.read_text("utf-8").split()) for page in (chinese, english)]
    for pattern in (r"`(transferium [^`]+)`", r"\d[\d,]*(?:\.\d+)?"):
        assert not set(re.findall(pattern, texts[0])) - set(re.findall(pattern, texts[1]))


def test_every_tutorial_is_there_in_chinese() -> None:
    assert {"index.md", "concepts.md", *(f"tutorials/{name}.md" for name in TUTORIALS)} <= set(CHINESE)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as ``make docs`` does."""
    pytest.importorskip("mkdocs")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    ran = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return folder


@pytest.mark.slow
def test_the_site_loads_nothing_from_elsewhere(site: Path) -> None:
    pages = {path: path.read_text("utf-8") for path in site.rglob("*.html")}
    styles = [path.read_text("utf-8") for path in site.rglob("*.css")]
    assert len(pages) > 25 and styles
    assert not [found[0] for text in pages.values() for found in LOADED.finditer(text)]
    assert not [style for style in styles if re.search(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", style)]
    assert not [path for path, text in pages.items() if 'class="mermaid"' in text]  # its script would be fetched


@pytest.mark.slow
def test_the_site_says_its_languages_and_has_what_is_made_from_code(site: Path) -> None:
    assert 'lang="zh"' in (site / "zh" / "index.html").read_text("utf-8")
    methods, python = ((site / "reference" / f"{name}.html").read_text("utf-8") for name in ("methods", "python"))
    assert all(f'id="method-{name}"' in methods for name in METHODS)
    assert all(f'id="transferium.{name}"' in python for name in transferium.__all__ if not name.startswith("_"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["index", "reference/methods", "reference/python", "zh/tutorials/adapt", "concepts"])
def test_a_page_is_for_everybody_and_asks_for_nothing(site: Path, browser: Any, name: str) -> None:
    asked: list[str] = []
    with browser.new_page(viewport={"width": 390, "height": 844}) as tab:
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto((site / f"{name}.html").as_uri())
        assert not violations(tab)
        assert tab.evaluate("document.documentElement.scrollWidth") == 390
    assert not [url for url in asked if not url.startswith(("file:", "data:"))]
