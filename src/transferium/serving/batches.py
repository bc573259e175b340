"""Requests that wait for the model: what has come meanwhile is answered together, and what is too much is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from transferium.data.domain import Domain
from transferium.serving.limits import Limits
from transferium.serving.served_model import Prediction

Answer = Callable[[Sequence[Domain]], list[list[Prediction]]]


class BusyError(Exception):
    """As many examples wait as may; ``seconds`` after which to come again."""

    def __init__(self, seconds: int) -> None:
        super().__init__("as many examples wait for an answer as may")
        self.seconds = seconds


@dataclass(eq=False)
class Waiting:
    """A request's examples and the future of their answers."""

    domain: Domain
    answers: asyncio.Future[list[Prediction]]


class Batches:
    """One thread works at a time; while it does, requests gather. Nobody waits for a batch to fill up.

    ``answer`` is called with the domains of a batch, in another thread than the loop's.
    """

    def __init__(self, answer: Answer, limits: Limits) -> None:
        self.answer, self.limits = answer, limits
        self.waiting = 0
        self._queue: asyncio.Queue[Waiting] = asyncio.Queue()

    async def __call__(self, domain: Domain) -> list[Prediction]:
        """The answers for one request. Raises ``BusyError``, ``TimeoutError``, and whatever the model raises for it."""
        if self.waiting + len(domain) > max(self.limits.waiting, len(domain)):
            raise BusyError(1)
        one = Waiting(domain, asyncio.get_running_loop().create_future())
        self.waiting += len(domain)
        self._queue.put_nowait(one)
        try:
            return await asyncio.wait_for(one.answers, self.limits.seconds)
        finally:
            self.waiting -= len(domain)

    async def work(self) -> None:
        """Answer what comes, for ever."""
        while True:
            batch, size = [await self._queue.get()], 0
            size = len(batch[0].domain)
            while size < self.limits.batch and not self._queue.empty():
                batch.append(self._queue.get_nowait())
                size += len(batch[-1].domain)
            if alive := [one for one in batch if not one.answers.done()]:
                await self._answer(alive)

    async def _answer(self, batch: list[Waiting]) -> None:
        try:
            found = await asyncio.to_thread(self.answer, [one.domain for one in batch])
        except Exception as error:  # whoever asked is told; others of the batch are answered alone
            if len(batch) == 1:
                _settle(batch[0], error)
            else:
                for one in batch:
                    await self._answer([one])
            return
        for one, answers in zip(batch, found, strict=True):
            _settle(one, answers)


def _settle(one: Waiting, result: list[Prediction] | Exception) -> None:
    """Hand over a result, unless nobody waits for it any more."""
    if one.answers.done():
        return
    if isinstance(result, Exception):
        one.answers.set_exception(result)
    else:
        one.answers.set_result(result)
