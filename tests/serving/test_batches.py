"""Requests that wait: together where they come together, each with its own answer, and refused beyond the limit."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any

import pytest

from transferium.data.domain import Domain
from transferium.data.read import read
from transferium.errors import DataError
from transferium.serving.batches import Answer, Batches, BusyError
from transferium.serving.limits import Limits
from transferium.serving.served_model import Prediction


def asked(*texts: str) -> Domain:
    return read(list(texts), kind="text")


def told(domains: Sequence[Domain]) -> list[list[Prediction]]:
    return [[{"label": str(domain.samples.raw(i))} for i in range(len(domain))] for domain in domains]


def run(answer: Answer, limits: Limits, work: Any) -> Any:
    """What ``work(batches)`` gives while the batches are answered."""

    async def go() -> Any:
        batches = Batches(answer, limits)
        worker = asyncio.create_task(batches.work())
        result = await asyncio.wait_for(work(batches), 60)
        worker.cancel()
        with suppress(asyncio.CancelledError):
            await worker
        assert batches.waiting == 0
        return result

    return asyncio.run(go())


def gather(*waiting: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.gather(*waiting, return_exceptions=True)


def test_each_request_gets_its_own_answers_and_what_waits_is_answered_together() -> None:
    sizes: list[int] = []
    gate = threading.Event()

    def answer(domains: Sequence[Domain]) -> list[list[Prediction]]:
        gate.wait(60)
        sizes.append(sum(map(len, domains)))
        return told(domains)

    async def work(batches: Batches) -> Any:
        first = asyncio.create_task(batches(asked("first")))
        while batches._queue.qsize() or not batches.waiting:
            await asyncio.sleep(0)
        rest = [asyncio.create_task(batches(asked(f"{i} a", f"{i} b"))) for i in range(10)]
        while batches.waiting < 21:
            await asyncio.sleep(0)
        gate.set()
        return await asyncio.gather(first, *rest)

    first, *rest = run(answer, Limits(batch=8), work)
    assert first == [{"label": "first"}]
    assert rest == [[{"label": f"{i} a"}, {"label": f"{i} b"}] for i in range(10)]
    assert sizes == [1, 8, 8, 4]


def test_beyond_the_limit_a_request_is_refused_at_once_and_the_others_are_answered() -> None:
    found = run(told, Limits(waiting=3), lambda batches: gather(*(batches(asked("a", "b")) for _ in range(5))))
    assert sum(isinstance(one, BusyError) for one in found) == 4
    assert [{"label": "a"}, {"label": "b"}] in found
    alone = run(told, Limits(waiting=3), lambda batches: gather(batches(asked(*"abcdef"))))
    assert len(alone[0]) == 6, "a request that is alone is never too many"


def test_what_fails_for_one_request_fails_for_no_other() -> None:
    def answer(domains: Sequence[Domain]) -> list[list[Prediction]]:
        if any(domain.samples.raw(0) == "bad" for domain in domains):
            raise DataError("it is bad")
        return told(domains)

    good, bad, last = run(answer, Limits(), lambda b: gather(b(asked("good")), b(asked("bad")), b(asked("last"))))
    assert good == [{"label": "good"}] and last == [{"label": "last"}]
    assert isinstance(bad, DataError)


def test_who_waited_too_long_is_told_so_and_is_not_answered_any_more() -> None:
    gate, seen = threading.Event(), []

    def answer(domains: Sequence[Domain]) -> list[list[Prediction]]:
        gate.wait(60)
        seen.extend(domain.samples.raw(0) for domain in domains)
        return told(domains)

    async def work(batches: Batches) -> Any:
        late = await gather(batches(asked("first")), batches(asked("second")))
        gate.set()
        batches.limits = Limits()
        return [*late, await batches(asked("third"))]

    first, second, third = run(answer, Limits(batch=1, seconds=0.05), work)
    assert isinstance(first, asyncio.TimeoutError) and isinstance(second, asyncio.TimeoutError)
    assert third == [{"label": "third"}] and seen == ["first", "third"]


@pytest.mark.parametrize("field", ["body", "held", "examples", "waiting", "batch", "seconds"])
def test_limits_are_positive(field: str) -> None:
    assert getattr(Limits(), field) > 0
