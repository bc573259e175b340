"""Several sequences of examples as one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from transferium.data.columns.table import Table
from transferium.data.samples import Files, Indices, Rows, Samples


class Chain:
    """Several lazy sequences, one after another."""

    def __init__(self, links: Sequence[Samples], link: Indices, place: Indices) -> None:
        self.links, self.link, self.place = links, link, place

    @classmethod
    def of(cls, links: Sequence[Samples]) -> Chain:
        """All examples of all ``links``, in order."""
        lengths = [len(samples) for samples in links]
        place = np.concatenate([np.arange(n, dtype=np.intp) for n in lengths])
        return cls(links, np.repeat(np.arange(len(links), dtype=np.intp), lengths), place)

    def __len__(self) -> int:
        return len(self.link)

    def raw(self, index: int) -> Any:
        return self.links[int(self.link[index])].raw(int(self.place[index]))

    def take(self, indices: Indices) -> Chain:
        return Chain(self.links, self.link[indices], self.place[indices])


def join_samples(links: Sequence[Samples]) -> Samples:
    """Files of one folder stay files and rows stay one array; anything else becomes a ``Chain``."""
    if len(links) == 1:
        return links[0]
    if all(isinstance(link, Table) for link in links):
        tables = [link for link in links if isinstance(link, Table)]
        return tables[0].join(tables[1:])
    if all(isinstance(link, Rows) for link in links):
        return Rows(np.concatenate([link.values for link in links if isinstance(link, Rows)]))
    files = [link for link in links if isinstance(link, Files)]
    if len(files) == len(links) and len({link.root for link in files}) == 1:
        return type(files[0])(files[0].root, list(chain.from_iterable(link.names for link in files)))
    return Chain.of(links)
