"""Workers take tasks when they are free, hand over every result, and stop when asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from transferium.embedding.pipeline import Workers


def squares(task: int) -> Iterator[int]:
    yield task * task


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_every_result_arrives_once(workers: int) -> None:
    assert sorted(Workers(range(200), squares, workers)) == [i * i for i in range(200)]


def test_work_happens_at_the_same_time() -> None:
    meeting = threading.Barrier(2, timeout=10)

    def meet(task: int) -> Iterator[int]:
        meeting.wait()  # passes only where two workers are in it together
        yield task

    assert len(list(Workers(range(4), meet, 2))) == 4


def test_tasks_are_drawn_as_they_are_needed() -> None:
    drawn = 0

    def tasks() -> Iterator[int]:
        nonlocal drawn
        for i in range(10_000):
            drawn += 1
            yield i

    for _ in Workers(tasks(), squares, 2):
        time.sleep(0.05)
        break
    assert drawn < 100


def test_an_error_in_a_worker_is_raised_here() -> None:
    def fail(task: int) -> Iterator[int]:
        if task == 7:
            raise ZeroDivisionError("at 7")
        yield task

    before = threading.active_count()
    with pytest.raises(ZeroDivisionError, match="at 7"):
        list(Workers(range(100), fail, 3))
    assert threading.active_count() == before


def test_an_error_among_the_tasks_is_raised_here() -> None:
    def tasks() -> Iterator[int]:
        yield 1
        raise OSError("no more tasks")

    with pytest.raises(OSError, match="no more tasks"):
        list(Workers(tasks(), squares, 2))


def test_leaving_early_stops_the_workers() -> None:
    before = threading.active_count()
    for _ in Workers(range(100_000), squares, 4):
        break
    assert threading.active_count() == before
