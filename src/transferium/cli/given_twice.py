"""Options that were typed twice: the last would count alone, so two different values are refused."""

from __future__ import annotations

from collections.abc import Iterator

import click


def refuse_twice(command: click.Command, args: list[str]) -> None:
    """Raise ``UsageError`` where an option that takes one value was given two, with both of them."""
    options = [p for p in command.params if isinstance(p, click.Option) and not p.is_flag]
    called = {word: option for option in options for word in option.opts}
    seen: dict[str | None, str] = {}
    for word, value in typed(args, set(called)):
        option = called[word]
        first = seen.setdefault(option.name, value)
        if first != value and not option.multiple:
            what = " It takes one column: join the two in one." if option.metavar == "COL" else ""
            raise click.UsageError(f"{word} was given twice, as {first!r} and as {value!r}: leave one out.{what}")


def typed(args: list[str], valued: set[str]) -> Iterator[tuple[str, str]]:
    """Each option of ``valued`` in ``args`` and its value, in order.

    >>> list(typed(["data", "--text", "a", "--json", "--text=b", "--", "--text"], {"--text"}))
    [('--text', 'a'), ('--text', 'b')]
    """
    words = iter(args)
    for word in words:
        if word == "--":
            return
        name, equals, value = word.partition("=")
        if name in valued:
            yield name, value if equals else next(words, "")
