"""Worker threads that each do one whole task at a time and return its results to the caller."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


class _End:
    """A worker has nothing left to do, or failed."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class Workers(Generic[Task, Result]):
    """Run ``work(task)`` on threads and yield every result in the order of arrival.

    Tasks are drawn when a worker is free and results wait in a bounded queue, so that memory does not grow with the
    number of tasks. Leaving the iteration early, by an error or an interrupt, stops the workers after their task.
    """

    def __init__(self, tasks: Iterable[Task], work: Callable[[Task], Iterable[Result]], workers: int) -> None:
        self._tasks, self._work = iter(tasks), work
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._results: queue.Queue[Result | _End] = queue.Queue(maxsize=8 * workers)
        self._threads = [threading.Thread(target=self._serve, daemon=True) for _ in range(workers)]

    def __iter__(self) -> Iterator[Result]:
        for thread in self._threads:
            thread.start()
        running = len(self._threads)
        try:
            while running:
                result = self._results.get()
                if not isinstance(result, _End):
                    yield result
                elif result.error is not None:
                    raise result.error
                else:
                    running -= 1
        finally:
            self._finish()

    def _serve(self) -> None:
        try:
            while not self._stop.is_set():
                with self._lock:
                    task = next(self._tasks, None)
                if task is None:
                    break
                for result in self._work(task):
                    self._results.put(result)
            self._results.put(_End())
        except BaseException as error:  # raised again in the caller's thread
            self._results.put(_End(error))

    def _finish(self) -> None:
        self._stop.set()
        for thread in self._threads:
            while thread.is_alive():
                try:
                    self._results.get(timeout=0.01)
                except queue.Empty:
                    thread.join(timeout=0.01)
