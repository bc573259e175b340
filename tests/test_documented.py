"""What the documentation says to type is there to be typed, and its two languages say the same."""

from __future__ import annotations

import ast
import re
from itertools import takewhile
from pathlib import Path

import click
import pytest

import transferium
from transferium.cli.app import cli

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "README.zh-CN.md", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md")))
ENGLISH, CHINESE = ((ROOT / name).read_text(encoding="utf-8") for name in PAGES[:2])
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
    """Why the command line does not have such a command or option; empty where it has."""
    words = line[line.index("transferium") :].split()[1:]
    command = cli.commands.get(words[0]) if words else None
    if command is None:
        return "" if not words or words[0].startswith("-") else f"no command {words[0]!r}"
    known = {name for option in command.params if isinstance(option, click.Option) for name in option.opts}
    named = [word for word in takewhile(lambda word: word != "|", words) if re.match(r"--\w", word)]
    return ", ".join(
        f"no option {word}" for word in named if word.partition("=")[0] not in known | {"--quiet", "--help"}
    )


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


def test_lines_fit() -> None:
    assert not [line for line in ENGLISH.splitlines() if len(line) > 150 and not line.startswith("|")]


def test_a_command_that_is_not_there_is_found() -> None:
    assert not_understood("transferium fitt x") and not_understood("transferium fit x --nosuch")
    assert not not_understood(".venv/bin/transferium fit x --label y")
