"""How much a server takes on at a time: what is beyond is refused at once, so that nothing else has to wait for it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """``body``: bytes of a request; ``held``: bytes of all requests at hand; ``examples``: in a request; ``waiting``:
    examples in all that may wait for the model; ``batch``: that it answers together; ``seconds``: for a body to arrive,
    and for an answer.
    """

    body: int = 64 << 20
    held: int = 256 << 20
    examples: int = 256
    waiting: int = 1024
    batch: int = 64
    seconds: float = 60.0
