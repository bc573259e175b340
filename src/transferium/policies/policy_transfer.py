"""A policy carried from one environment to another, beside one that begins from scratch there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.errors import InputError
from transferium.evaluation.verdict import Verdict, verdict
from transferium.functional.bootstrap import Interval, mean_interval
from transferium.policies.environments import Made, check_alike, maker, returns
from transferium.policies.learners import Beginning, Learner
from transferium.problems.problem import Wording
from transferium.system.shown import Face, Shown, axes

SAID = {
    "jump_start": "jump-start",
    "area": "mean return while learning",
    "final": "return at the end",
    "steps_saved": "steps to the threshold that are saved",
}
WORDING = Wording(
    1.0,
    "",
    "the mean return of {ours} while it learns is {by} higher than that of {theirs}",
    "the mean return of {ours} while it learns is {by} lower than that of {theirs}",
    "the mean return of {ours} while it learns differs by {by} from that of {theirs}",
)
NEAR_THE_END = 0.9
"""How far from the first to the last return of learning from scratch the threshold lies, unless one is given."""


@dataclass(frozen=True, repr=False)
class PolicyTransfer(Shown):
    """Returns of a carried policy and of one from scratch ``(seeds, measurements)``, after ``steps (measurements,)``.

    Each of ``differences`` is carried less scratch, over the seeds, as an interval: ``jump_start``, at step 0;
    ``area``, the area under the curve by the trapezoid rule, divided by the steps; ``final``, at the end;
    ``steps_saved``, scratch's steps until a measurement reaches ``threshold`` less carried's. Who never reaches it
    counts with all steps: ``reached`` says in how many seeds each did.
    Taylor and Stone, Transfer learning for reinforcement learning domains: a survey, JMLR 10, 2009.
    """

    steps: NDArray[np.int64]
    carried: NDArray[np.float64]
    scratch: NDArray[np.float64]
    threshold: float
    differences: dict[str, Interval]
    reached: dict[str, int]
    verdict: Verdict

    def word(self, name: str) -> str:
        """``"helped"``, ``"hurt"`` or ``"no evidence"``, by one of ``differences``."""
        return verdict(self.differences[name], "", "", WORDING).word

    def as_dict(self) -> dict[str, Any]:
        """Plain data for ``json.dumps``."""
        told = {name: one.as_dict() | {"word": self.word(name)} for name, one in self.differences.items()}
        curves = {name: getattr(self, name).tolist() for name in ("steps", "carried", "scratch")}
        beside = {"threshold": self.threshold, "reached": self.reached, "verdict": self.verdict.word}
        return {**told, **beside, "verdict_sentence": self.verdict.sentence, **curves}

    def face(self) -> Face:
        """The differences, and the verdict by the mean return while learning."""
        seeds, reached = len(self.carried), self.reached
        rows = [(SAID[name], f"{one}: {self.word(name)}") for name, one in self.differences.items()]
        met = f"{self.threshold:.4g}, reached in {reached['carried']} and {reached['scratch']} of {seeds} seeds"
        return Face(
            f"Carried policy less scratch over {seeds} seeds",
            [*rows, ("threshold", met)],
            [self.verdict.sentence],
        )

    def plot(self, ax: Any = None) -> Any:
        """Both curves with the range of the seeds, drawn by matplotlib into ``ax``, which is returned."""
        ax = axes(ax)
        for name in ("carried", "scratch"):
            curves = getattr(self, name)
            (line,) = ax.plot(self.steps, curves.mean(axis=0), label=name)
            ax.fill_between(self.steps, curves.min(axis=0), curves.max(axis=0), alpha=0.2, color=line.get_color())
        ax.set(xlabel="steps in the target", ylabel="return")
        ax.legend()
        return ax


def transfer(
    source: str | Made,
    target: str | Made,
    learner: Beginning,
    *,
    source_steps: int,
    target_steps: int,
    seeds: Sequence[int] = tuple(range(10)),
    measurements: int = 10,
    episodes: int = 10,
    threshold: float | None = None,
) -> PolicyTransfer:
    """Learn in ``source``, go on in ``target``, and learn in ``target`` from scratch beside it, for each of ``seeds``.

    ``source`` and ``target`` are names of gymnasium environments or functions that make one; ``learner`` is one of
    ``QTable()``, ``LinearPolicy()``, ``StableBaselines(PPO)``, or a function of environment and seed. Both learn from
    ``target_steps`` and are measured before, and ``measurements`` times in equal distances, by the mean return of
    ``episodes`` without exploring, which begin alike for both. Steps in the source are not counted: they are paid.
    Without ``threshold`` it lies nine tenths of the way from scratch's first to its last mean return.

    Raises ``InputError`` for environments whose spaces differ, and where numbers are too small.
    """
    check_numbers(source_steps=source_steps, target_steps=target_steps, measurements=measurements, episodes=episodes)
    whole = not isinstance(seeds, int) and all(isinstance(seed, int) and seed >= 0 for seed in seeds)
    if not whole or not len(set(seeds)) == len(seeds) > 0:
        raise InputError(f"seeds must be whole numbers from 0 on that differ, as range(10); given was {seeds}.")
    if not callable(learner) or isinstance(learner, type):
        raise InputError(f"learner must be as QTable() or a function of environment and seed; given was {learner!r}.")
    if threshold is not None and not (isinstance(threshold, (int, float)) and np.isfinite(threshold)):
        raise InputError(f"threshold must be a finite number; given was {threshold!r}.")
    make_source, make_target = maker(source), maker(target)
    check_alike(make_source(), make_target())
    steps = np.linspace(0, target_steps, measurements + 1).round().astype(np.int64)
    carried: list[list[float]] = []
    scratch: list[list[float]] = []
    for seed in seeds:
        taught = learner(make_source(), seed)
        taught.learn(make_source(), source_steps)
        for begun, curves in ((taught.copy(), carried), (learner(make_target(), seed), scratch)):
            curves.append(_curve(begun, make_target, steps, episodes, seed))
    return measured(steps, np.array(carried), np.array(scratch), threshold, seed=seeds[0])


def check_numbers(**given: int) -> None:
    """Raise ``InputError`` for a number below 1."""
    for name, value in given.items():
        if value < 1:
            raise InputError(f"{name} must be 1 at least; given was {value}.")


def _curve(learner: Learner, make: Made, steps: NDArray[np.int64], episodes: int, seed: int) -> list[float]:
    place, shown = make(), make()
    found = [returns(shown, learner.act, episodes, seed)]
    for more in np.diff(steps):
        learner.learn(place, int(more))
        found.append(returns(shown, learner.act, episodes, seed))
    return found


def measured(
    steps: NDArray[np.int64],
    carried: NDArray[np.float64],
    scratch: NDArray[np.float64],
    threshold: float | None = None,
    *,
    seed: int = 0,
) -> PolicyTransfer:
    """The comparison of two sets of curves ``(seeds, measurements)``, after ``steps``.

    >>> rising, flat = np.tile([0.0, 1, 1], (6, 1)), np.tile([0.0, 0, 1], (6, 1))
    >>> found = measured(np.array([0, 10, 20]), rising, flat, 1.0)
    >>> found.differences["area"].value, found.differences["steps_saved"].value, found.verdict.word
    (0.5, 10.0, 'helped')
    """
    first, last = scratch[:, 0].mean(), scratch[:, -1].mean()
    goal = float(first + NEAR_THE_END * (last - first)) if threshold is None else float(threshold)
    gain = carried - scratch
    area = (gain[:, 1:] + gain[:, :-1]) / 2 @ np.diff(steps) / (steps[-1] - steps[0])
    met = {name: curves >= goal for name, curves in (("carried", carried), ("scratch", scratch))}
    after = {name: np.where(at.any(axis=1), steps[at.argmax(axis=1)], steps[-1]) for name, at in met.items()}
    amounts = {
        "jump_start": gain[:, 0],
        "area": area,
        "final": gain[:, -1],
        "steps_saved": (after["scratch"] - after["carried"]).astype(np.float64),
    }
    differences = {name: mean_interval(each, seed=seed) for name, each in amounts.items()}
    reached = {name: int(at.any(axis=1).sum()) for name, at in met.items()}
    told = verdict(differences["area"], "the carried policy", "a policy from scratch", WORDING)
    return PolicyTransfer(steps, carried, scratch, goal, differences, reached, told)
