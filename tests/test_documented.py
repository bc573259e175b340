"""What the documentation says to type is there to be typed, and its two languages say the same."""

from __future__ import annotations

import ast
import re
import shlex
from itertools import takewhile
from pathlib import Path
from typing import Any

import click
import pytest

import transferium
from transferium.cli.app import cli
from transferium.errors import InputError
from transferium.job.options import parse_settings
from transferium.methods.settings.parse import split_settings

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "README.zh-CN.md", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md")))
ENGLISH, CHINESE = ((ROOT / name).read_text(encoding="utf-8") for name in PAGES[:2])
NO_MATTER = ("--quiet", "--help")
"""Options that change nothing of what else may be said."""
FIGURE = re.compile(r"\d[\d,]*\.\d+|\d[\d,]* (?:%|GB|MB|×)")
"""A number with a decimal point or a unit."""


def typed(page: str) -> list[str]:
    """The lines in code blocks without comments: what stands behind ``#`` may be in any language."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", page, re.S | re.M)
    lines = [re.split(r"(?:^|\s+)#\s", line)[0].rstrip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


def measured_by(page: str) -> set[str]:
    """The commands in the text, which show its figures."""
    prose = re.sub(r"^```.*?^```", "", page, flags=re.S | re.M)
    return set(re.findall(r"`(python [^`]+)`", prose.replace("\n", " ")))


def not_understood(line: str) -> str:
    """Why the command line would be refused before any file is looked at; empty where it would not be."""
    words = shlex.split(line[line.index("transferium") :].translate({ord("["): None, ord("]"): None}))[1:]
    words = [word for word in takewhile(lambda word: word not in ("|", "&"), words) if word not in NO_MATTER]
    if not words or words[0].startswith("-"):
        return ""
    command = cli.commands.get(words[0])
    if command is None or len(words) == 1:
        return "" if command else f"no command {words[0]!r}"
    try:
        given = command.make_context(words[0], words[1:]).params
        _read_settings(given)
    except (click.ClickException, InputError) as error:
        return str(error) or type(error).__name__
    return ""


def _read_settings(given: dict[str, Any]) -> None:
    """Raise ``InputError`` for a method that is not there, or settings that it does not have or take."""
    settings = split_settings(given.get("settings") or ())
    settings = {name: value for name, value in settings.items() if not name.startswith("pretrain.")}
    if given.get("method") and not given.get("shots"):
        parse_settings(given["method"], settings)


def commands(page: str) -> list[str]:
    """The command lines of this program in fenced and indented blocks, and in the text."""
    inline = [line.replace("\n", " ") for line in re.findall(r"`(transferium [^`…]+)`", page)]
    indented = re.findall(r"^    (transferium .*?)(?:\s+#.*)?$", page, re.M)
    return [line for line in [*typed(page), *inline, *indented] if re.match(r"(\S*/)?transferium ", line)]


@pytest.mark.parametrize("name", PAGES)
def test_commands_and_options_are_there(name: str) -> None:
    lines = commands((ROOT / name).read_text(encoding="utf-8"))
    assert not [(line, why) for line in lines if (why := not_understood(line))]


def test_commands_are_found_in_blocks_and_in_the_text() -> None:
    page = "```bash\ntransferium a\n```\n\n    transferium b  # c\n\nSee `transferium d\n--e`.\n"
    assert commands(page) == ["transferium a", "transferium d --e", "transferium b"]


@pytest.mark.parametrize("name", PAGES)
def test_python_is_python_and_names_what_is_public(name: str) -> None:
    page = (ROOT / name).read_text(encoding="utf-8")
    for code in re.findall(r"^```python\n(.*?)^```", page, re.S | re.M):
        ast.parse(code)
        assert set(re.findall(r"\btm\.(\w+)", code)) <= set(transferium.__all__), code


def test_both_languages_have_the_same_commands() -> None:
    assert not [line for line in typed(CHINESE) if line not in typed(ENGLISH)]
    assert not measured_by(CHINESE) - measured_by(ENGLISH)
    assert len(typed(CHINESE)) > 40


def test_both_languages_have_the_same_figures() -> None:
    bold = re.compile(r"\*\*([^*\n]*\d[^*\n]*)\*\*")
    assert not [said for said in bold.findall(CHINESE) if f"**{said}**" not in ENGLISH]
    assert not set(FIGURE.findall(CHINESE)) - set(FIGURE.findall(ENGLISH))
    assert len(bold.findall(CHINESE)) > 15


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    """``reference/`` is made with the site, whose building checks links into it."""
    page = ROOT / name
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    links = [link for link in links if "reference/" not in link]
    assert not [link for link in links if not (page.parent / link).exists()]


@pytest.mark.parametrize("name", PAGES)
def test_lines_fit(name: str) -> None:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    assert not [line for line in lines if len(line) > 150 and not line.startswith("|")]


def test_what_would_be_refused_is_found() -> None:
    for wrong in ("fitt x", "fit x --nosuch", "fit x --method prob", "fit x --problem class", "fit x --set epoch=3"):
        assert not_understood(f"transferium {wrong}"), wrong
    assert not_understood("transferium fit x --method lp-ft --set epochs=many")
    assert not not_understood(".venv/bin/transferium fit x --label y --method lp-ft --set epochs=3 --set size=64")
