"""What MkDocs is told beyond mkdocs.yml: pages made from code, links that leave ``docs/``, examples in docstrings."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any

import griffe
from mkdocs.structure.files import File, Files

import transferium
from transferium.methods.catalogue import describe_methods
from transferium.problems.catalogue import PROBLEMS

ROOT = Path(__file__).resolve().parents[1]
WRAPPED = re.compile(r"(?<=[\u3000-\u9fff\uff00-\uffef])\n(?=[\u3000-\u9fff\uff00-\uffef])")
"""The end of a line within a Chinese sentence, which a browser would show as a space."""
DOCTEST = re.compile(r"(?:^>>> .*\n(?:.+\n?)*)+", re.M)


def methods_page() -> str:
    """Every method in the table of its family, then each with what it says of itself and its settings."""
    described = describe_methods()
    families = list(dict.fromkeys(m["family"] for m in described))
    described.sort(key=lambda m: families.index(m["family"]))
    lines = [
        "# Methods",
        "",
        "`--method NAME` on the command line, `method=` in Python. `transferium methods NAME` says the same.",
        "",
    ]
    for family, members in groupby(described, key=lambda m: m["family"]):
        lines += [f"## {family}", "", *table(["method", "what it does", "predicts"], map(_in_short, members)), ""]
    lines += ["## Each in full", ""]
    lines += [line for method in described for line in _in_full(method)]
    return "\n".join(lines)


def _in_short(method: dict[str, Any]) -> list[str]:
    name = f"[`{method['name']}`](#method-{method['name']})"
    needs = f" Needs {' and '.join(f'`{option}`' for option in method['needs'])}." if method["needs"] else ""
    return [name, method["summary"] + needs, ", ".join(method["problems"])]


def _in_full(method: dict[str, Any]) -> list[str]:
    settings = [[f"`{s['name']}`", f"`{s['default']}`", s["help"]] for s in method["settings"]]
    rows = table(["`--set`", "default", "what it is"], settings) if settings else []
    return [
        f"### {method['name']} {{#method-{method['name']}}}",
        "",
        method["summary"],
        "",
        method["description"],
        "",
        *rows,
        "",
    ]


def problems_page() -> str:
    """What can be predicted, by which figure it is judged, and which methods learn it."""
    described = describe_methods()
    rows = []
    for kind, problem in PROBLEMS.items():
        learned_by = [f"`{m['name']}`" for m in described if kind in m["problems"]]
        order = "less" if problem.lower_is_better else "more"
        constant = problem.constant_name.replace("_", " ")
        figure = f"{dict(problem.shown).get(problem.headline, problem.headline)} ({order} is better)"
        rows.append([f"`{kind}`", problem.learner, figure, constant, " ".join(learned_by)])
    head = ["`--problem`", "gives", "headline figure", "beside it, learning nothing", "learned by"]
    said = "Without `--problem` the labels are looked at, and a warning says where that is a guess."
    return "\n".join(["# Problems", "", said, "", *table(head, rows)])


def python_page() -> str:
    """The public names of the package, each with its docstring."""
    names = [name for name in transferium.__all__ if not name.startswith("_")]
    said = "`import transferium as tm`; everything below is `tm.NAME`. Anything else may change without a word."
    return "\n\n".join(["# Python", said, *(f"::: transferium.{name}" for name in names)])


def table(head: list[str], rows: Iterable[list[str]]) -> list[str]:
    """Lines of a Markdown table; cells may hold anything but line breaks."""
    cells = [[" ".join(cell.replace("|", "\\|").split()) for cell in row] for row in [head, ["---"] * len(head), *rows]]
    return [f"| {' | '.join(row)} |" for row in cells]


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made from code, and the table of benchmarks as it stands beside the scripts."""
    made = {
        "methods": methods_page(),
        "problems": problems_page(),
        "python": python_page(),
        "benchmarks": (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8"),
    }
    for name, text in made.items():
        files.append(File.generated(config, f"reference/{name}.md", content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Of links to files beside ``docs/``, which the site does not have, the words stay; Chinese has no spaces."""
    folder = (ROOT / "docs" / page.file.src_uri).parent
    markdown = WRAPPED.sub("", markdown)
    return re.sub(r"\[([^]]*)\]\((\.\.[^)#]*)\)", lambda link: _kept(link, folder), markdown)


def _kept(link: re.Match[str], folder: Path) -> str:
    inside = (folder / link[2]).resolve().is_relative_to(ROOT / "docs")
    return link[0] if inside else f"`{link[1]}`"


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Say to browsers and screen readers which pages are Chinese."""
    return output.replace('<html lang="en"', '<html lang="zh"', 1) if page.file.src_uri.startswith("zh/") else output


class Doctests(griffe.Extension):
    """Examples of docstrings as code: without it Markdown takes ``>>>`` for a quotation."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Put a fence around each example."""
        if obj.docstring:
            obj.docstring.value = DOCTEST.sub(
                lambda found: f"```pycon\n{found[0].rstrip()}\n```\n", obj.docstring.value
            )
