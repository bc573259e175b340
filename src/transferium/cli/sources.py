"""Options that take several words: ``--source a b`` and ``--source a --source b`` say the same thing."""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar

import click


class WithSources(click.Command):
    """A command whose ``--source`` takes every word up to the next option."""

    several: ClassVar[dict[str, str]] = {"--source": "the path of labelled data"}
    """The options that take several words, and what each of these is."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Spread the words of such an option over as many options as there are words."""
        valued = {o for p in self.params if isinstance(p, click.Option) and not p.is_flag for o in p.opts}
        options = {o for p in self.params if isinstance(p, click.Option) for o in p.opts}
        for word, following in pairwise(args):
            if word in self.several and following in options:
                what = self.several[word]
                raise click.UsageError(f"{word} needs {what}, and the option {following} follows it.", ctx)
        return super().parse_args(ctx, spread_words(args, valued, tuple(self.several)))


def spread_words(args: list[str], valued: set[str], several: tuple[str, ...]) -> list[str]:
    """Every word after one of the options ``several`` up to the next option gets that option of its own.

    ``valued`` are the options that take a value. Where no word is left to be DATA, the last of the words is DATA, as in
    ``fit --source labelled/ unlabelled/``.

    >>> spread_words(["books", "--source", "dvd", "kitchen", "--json"], {"--source"}, ("--source",))
    ['books', '--source', 'dvd', '--source', 'kitchen', '--json']
    >>> spread_words(["--source", "dvd", "books"], {"--source"}, ("--source",))
    ['--source', 'dvd', 'books']
    """
    spread: list[str] = []
    words: list[int] = []
    free, i = 0, 0
    while i < len(args):
        word = args[i]
        i += 1
        if word not in several:
            spread.append(word)
            if word in valued and i < len(args):
                spread.append(args[i])
                i += 1
            free += not word.startswith("-")
            continue
        first = len(words)
        while i < len(args) and (len(words) == first or not args[i].startswith("-")):
            words.append(len(spread))
            spread += [word, args[i]]
            i += 1
        if len(words) == first:
            spread.append(word)
    if not free and len(words) > 1:
        del spread[words[-1]]
    return spread
