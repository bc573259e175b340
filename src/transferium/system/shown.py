"""How results show themselves: a few lines at a prompt, a small table in a notebook, a plot."""

from __future__ import annotations

import textwrap
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from transferium.system.extras import require_matplotlib

WIDTH = 88
MOST = 16
"""The most rows of a table: it fits a screen."""


@dataclass(frozen=True)
class Face:
    """What is shown of a result: a title, rows of names and values, and sentences below."""

    title: str
    rows: Sequence[tuple[str, str]] = field(default=())
    sentences: Sequence[str] = field(default=())

    @property
    def _shown(self) -> list[tuple[str, str]]:
        more = len(self.rows) - MOST
        return [*self.rows[:MOST], *([("…", f"{more} more")] if more > 0 else [])]

    def as_text(self) -> str:
        """Lines of at most 88 characters.

        >>> print(Face("Evaluation of 9 examples", [("accuracy", "0.9")], ["All is well."]).as_text())
        Evaluation of 9 examples
          accuracy  0.9
        All is well.
        """
        width = max((len(name) for name, _ in self._shown), default=0)
        rows = [_cut(f"  {name:<{width}}  {value}") for name, value in self._shown]
        return "\n".join([_cut(self.title), *rows, *(textwrap.fill(s, WIDTH) for s in self.sentences if s)])

    def as_html(self) -> str:
        """The same as HTML; texts are escaped."""
        cells = "".join(
            f'<tr><th style="text-align:left">{escape(name)}</th><td style="text-align:left">{escape(value)}</td></tr>'
            for name, value in self._shown
        )
        table = f"<table>{cells}</table>" if cells else ""
        below = "".join(f"<p>{escape(sentence)}</p>" for sentence in self.sentences if sentence)
        return f"<div><strong>{escape(self.title)}</strong>{table}{below}</div>"


class Shown(ABC):
    """A result that shows a ``Face`` as its ``repr`` and in notebooks."""

    @abstractmethod
    def face(self) -> Face:
        """What is shown of it."""

    def __repr__(self) -> str:
        return self.face().as_text()

    def _repr_html_(self) -> str:
        return self.face().as_html()


def axes(ax: Any = None) -> Any:
    """``ax``, or the current axes of matplotlib; raises ``MissingExtraError`` where that is not installed."""
    if ax is not None:
        return ax
    require_matplotlib()
    from matplotlib import pyplot

    return pyplot.gca()


def _cut(line: str) -> str:
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…"
