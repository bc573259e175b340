"""``--source a b`` and ``--source a --source b`` say the same thing."""

from __future__ import annotations

from itertools import pairwise

import click

NAME = "--source"


class WithSources(click.Command):
    """A command whose ``--source`` takes every word up to the next option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Spread the words of ``--source`` over as many options as there are words."""
        valued = {o for p in self.params if isinstance(p, click.Option) and not p.is_flag for o in p.opts}
        options = {o for p in self.params if isinstance(p, click.Option) for o in p.opts}
        for word, following in pairwise(args):
            if word == NAME and following in options:
                raise click.UsageError(
                    f"{NAME} needs the path of labelled data, and the option {following} follows it: "
                    f"{NAME} LABELLED [MORE ...].",
                    ctx,
                )
        return super().parse_args(ctx, spread_sources(args, valued))


def spread_sources(args: list[str], valued: set[str]) -> list[str]:
    """Every word after ``--source`` up to the next option gets a ``--source`` of its own.

    ``valued`` are the options that take a value. Where no word is left to be DATA, the last of the words is DATA, as in
    ``fit --source labelled/ unlabelled/``.

    >>> spread_sources(["books", "--source", "dvd", "kitchen", "--json"], {"--source"})
    ['books', '--source', 'dvd', '--source', 'kitchen', '--json']
    >>> spread_sources(["--source", "dvd", "books"], {"--source"})
    ['--source', 'dvd', 'books']
    """
    spread: list[str] = []
    words: list[int] = []
    free, i = 0, 0
    while i < len(args):
        word = args[i]
        i += 1
        if word != NAME:
            spread.append(word)
            if word in valued and i < len(args):
                spread.append(args[i])
                i += 1
            free += not word.startswith("-")
            continue
        first = len(words)
        while i < len(args) and (len(words) == first or not args[i].startswith("-")):
            words.append(len(spread))
            spread += [NAME, args[i]]
            i += 1
        if len(words) == first:
            spread.append(NAME)
    if not free and len(words) > 1:
        del spread[words[-1]]
    return spread
