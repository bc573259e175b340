"""Candidates of ``auto`` on folds of the training part, beside the first model, within one budget."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.errors import InputError, TransferiumError
from transferium.functional.bootstrap import paired_interval
from transferium.methods.fitted import Fitted
from transferium.methods.folds import held_out_folds
from transferium.methods.method import Method
from transferium.methods.model_selection.cheaper import scores
from transferium.methods.model_selection.saved_decision import Decision
from transferium.methods.task import Task

FINAL = 1.3
"""What the fit on everything takes, in fits on everything as a fold of it was measured: a reserve of three tenths."""
SAMPLE = 128
"""Training examples on which the speed of a candidate is measured before it is trained on folds."""


def said(first: Fitted) -> str:
    """The model that the others are compared with, in words."""
    return {"ncm": "nearest class mean"}.get(first.method, first.method)


class _TooSlowError(Exception):
    """A candidate took so long already that it cannot be afforded."""


@dataclass(frozen=True)
class Affordable:
    """A candidate as it is tried on a fold, as it would be fitted on everything, and how much ``longer`` that takes.

    ``longer`` has the reserve ``FINAL`` in it.
    """

    on_fold: Method
    on_all: Method
    longer: float


class Trials:
    """Candidates beside the first model, which is the probe or the nearest class mean, within one budget.

    Of ``few`` labels one fold says little: a candidate is made short enough to be run on all folds, where that can be.
    """

    def __init__(self, task: Task, first: Fitted, folds: int, started: float, *, few: bool = False) -> None:
        if first.oof_outputs is None or task.budget_s is None:
            raise InputError("auto compares with out-of-fold answers of a first model within a budget; one is missing.")
        self.task, self.first, self.deadline = task, first, started + task.budget_s
        self.fold = held_out_folds(task.train.y, folds, task)
        self.few = few
        self.known = (self.fold >= 0) & ~np.isnan(first.oof_outputs).any(1)
        self.first_right = first.oof_outputs.argmax(1) == task.train.y
        self.rows: list[dict[str, Any]] = [
            scores(first.method, first.oof_outputs[self.known], task.train.y[self.known], time.perf_counter() - started)
            | {"kept": "first"}
        ]
        self.best: tuple[float, Method] | None = None
        self.reserved = 0.0

    def attempt(self, name: str) -> None:
        """Run ``name`` on as many folds as leave time to fit it on everything; note the result, or why none."""
        begin = time.perf_counter()
        try:
            why = self._run(name, begin)
        except TransferiumError as error:
            why = f"left out: {error}"
        if why:
            self.rows.append({"method": name, "seconds": round(time.perf_counter() - begin, 1), "kept": why})

    def _run(self, name: str, begin: float) -> str:
        """Run ``name`` as ``attempt`` says; returns why there is no time for it, or an empty text."""
        affordable = self._affordable(name)
        if affordable is None:
            return "even the shortest run of it does not fit into what is left of the budget"
        answers = np.full((len(self.task.train), self.task.classes), np.nan)
        longest = 0.0
        for k in range(count := int(self.fold.max()) + 1):
            self.task.tell(f"{name} on folds", k, count)
            if longest and (1 + affordable.longer / FINAL) * longest > self._left():
                break
            lap = time.perf_counter()
            answers[self.fold == k] = self._fold(affordable.on_fold, k)
            longest = max(longest, time.perf_counter() - lap)
        self.task.tell(f"{name} on folds", count, count)
        seen = self.known & ~np.isnan(answers).any(1)
        row = scores(name, answers[seen], self.task.train.y[seen], time.perf_counter() - begin)
        self.rows.append(row | self._compare(affordable.on_all, answers, seen, affordable.longer * longest))
        return ""

    def conclude(self) -> Decision:
        """The best of the trials."""
        return Decision(None if self.best is None else self.best[1], self.rows)

    def _left(self) -> float:
        """Seconds left to spend, without those reserved to fit the best so far on everything."""
        return self.deadline - time.perf_counter() - self.reserved

    def _affordable(self, name: str) -> Affordable | None:
        """The candidate with as many epochs as its folds and the fit on everything leave time for; None below two.

        Of SetFit it is not the epochs that give way but the pairs of each example. Of few labels the folds give way
        first: all of them are run where that leaves two of what is asked for.
        """
        from transferium.methods.catalogue import method_class

        if (time_left := self._left()) <= 0:
            return None
        method = method_class(name)()
        length = next((name for name in ("pairs", "epochs") if hasattr(method, name)), None)
        if length is None:
            return Affordable(method, method, FINAL)
        asked = int(getattr(method, length))
        if (pace := self._pace(method, length, time_left)) is None:
            return None
        once, each = pace
        on_all, longest = self._lengths(asked, once, each)
        if longest < 2:
            return None
        on_fold = min(asked, int(longest))
        a, b = (method_class(name)().set_params(**{length: value}) for value in (on_fold, on_all))
        part = 1 - 1 / (int(self.fold.max()) + 1)
        return Affordable(a, b, FINAL * (once + each * on_all) / (once + each * part * on_fold))

    def _lengths(self, asked: int, once: float, each: float) -> tuple[int, float]:
        """How long the fit on everything may be, and one on a fold; too short (below 2) where none fits in."""
        count, left = int(self.fold.max()) + 1, self._left()
        part = 1 - 1 / count
        if self.few:
            all_folds = (left - (count + 1) * once) / each
            if (longest := (all_folds - FINAL * asked) / (count * part)) >= 2:
                return asked, longest
            if (longest := all_folds / (count * part + FINAL)) >= 2:
                return min(asked, int(longest)), longest
        longest = (left - 2 * once) / (each * (part + FINAL))
        return min(asked, int(longest)), longest

    def _pace(self, method: Method, length: str, time_left: float) -> tuple[float, float] | None:
        """Seconds that a fit on everything takes once, and for each epoch (or pair); None where it takes too long."""
        steps: list[float] = []
        some = np.random.default_rng(self.task.seed).permutation(len(self.task.train))[:SAMPLE]
        begin = time.perf_counter()

        def watch(*_: Any) -> None:
            steps.append(time.perf_counter())
            if steps[-1] - begin > time_left / 3:  # a fold and the fit on everything take twice as long at least
                raise _TooSlowError

        try:
            method.set_params(**{length: 2}).fit(replace(self.task.on(some), progress=watch))
        except _TooSlowError:
            return None
        spent = time.perf_counter() - begin
        # A step's time is read between steps; whatever else a fit takes is paid once a fit, whatever its length.
        step = float(np.median(np.diff(steps))) if len(steps) > 1 else spent
        return max(0.0, spent - step * len(steps)), step * len(steps) / (2 * len(some)) * len(self.task.train)

    def _fold(self, method: Method, k: int) -> NDArray[np.float64]:
        fitted = method.fit(self.task.on(np.flatnonzero(self.fold != k)))
        seen = self.task.embed(self.task.train.take(self.fold == k), fitted.backbone).features
        return fitted.head.outputs(seen)

    def _compare(
        self, method: Method, answers: NDArray[np.float64], seen: NDArray[np.bool_], final_s: float
    ) -> dict[str, Any]:
        right = answers[seen].argmax(1) == self.task.train.y[seen]
        groups = None if self.task.groups is None else self.task.groups[seen]
        difference = paired_interval(right, self.first_right[seen], seed=self.task.seed, groups=groups)
        half = (difference.high - difference.low) / 2
        error = _standard_error(right.astype(np.float64) - self.first_right[seen], groups)
        asked = error if self.few and seen.sum() == self.known.sum() else half
        better = difference.value > asked + 1e-9
        if better and (self.best is None or difference.value > self.best[0]):
            self.best, self.reserved = (difference.value, method), final_s
        return {
            "difference": round(difference.value, 4),
            "low": round(difference.low, 4),
            "high": round(difference.high, 4),
            "kept": f"{'better' if better else 'not clearly better'} than the {said(self.first)}",
        }


def _standard_error(gains: NDArray[np.float64], groups: NDArray[Any] | None) -> float:
    """That of the mean of ``gains (n,)``, of examples or of whole ``groups``; of one of these there is none.

    >>> _standard_error(np.array([1.0, 0, 0, 0]), None), _standard_error(np.ones(4), np.zeros(4))
    (0.25, inf)
    """
    around = gains - gains.mean()
    if groups is not None:
        around = np.bincount(np.unique(groups, return_inverse=True)[1], weights=around).astype(np.float64)
    if len(around) < 2:
        return float("inf")
    return float(np.sqrt((around**2).sum() * len(around) / (len(around) - 1)) / len(gains))
