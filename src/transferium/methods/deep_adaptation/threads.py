"""How many threads torch computes with while a network is trained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def threads(count: int | None) -> Iterator[None]:
    """Let torch compute with ``count`` threads (None: as many as it had).

    Steps of a small network are shorter than the wait of one thread for another, above all on a busy machine; and
    the result then does not depend on how many cores there are.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
