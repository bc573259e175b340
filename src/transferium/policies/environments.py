"""Environments of gymnasium: made, compared, and played in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from transferium.errors import InputError
from transferium.system.extras import require_gymnasium

LONGEST = 10_000
"""The most steps of an episode."""
Made = Callable[[], Any]


def maker(given: str | Made) -> Made:
    """What makes the environment: ``given``, or ``gymnasium.make`` where it is a name."""
    require_gymnasium()
    if callable(given):
        return given
    if not isinstance(given, str):
        raise InputError(f"an environment is the name of one or a function that makes one; given was {given!r}.")
    import gymnasium

    def made() -> Any:
        try:
            return gymnasium.make(given)
        except (gymnasium.error.Error, ImportError) as error:
            raise InputError(
                f"gymnasium cannot make {given!r} ({error}): give the name of an environment that is installed here, "
                "or a function that makes one."
            ) from error

    return made


def check_alike(source: Any, target: Any) -> None:
    """Raise ``InputError`` where two environments differ in what is observed or done."""
    for one in (source, target):
        if not all(hasattr(one, name) for name in ("observation_space", "action_space", "reset", "step")):
            raise InputError(f"no environment of gymnasium was made, but {one!r}.")
    for what, name in (("observations", "observation_space"), ("actions", "action_space")):
        ours, theirs = getattr(source, name), getattr(target, name)
        if not _alike(ours, theirs):
            raise InputError(
                f"the environments differ in their {what}: {ours} at the source, {theirs} at the target. A policy can "
                "be carried between environments with the same spaces alone."
            )


def _alike(ours: Any, theirs: Any) -> bool:
    """Whether the spaces are equal; of boxes of numbers the limits may differ."""
    from gymnasium.spaces import Box

    if isinstance(ours, Box) and isinstance(theirs, Box):
        return bool(ours.shape == theirs.shape and ours.dtype == theirs.dtype)
    return bool(ours == theirs)


def returns(environment: Any, act: Callable[[Any], Any], episodes: int, seed: int) -> float:
    """The mean sum of rewards of ``episodes``, the first of which begins from ``seed``."""
    total = 0.0
    for episode in range(episodes):
        observation, _ = environment.reset(seed=seed if episode == 0 else None)
        for _ in range(LONGEST):
            observation, reward, ended, cut, _ = environment.step(act(observation))
            total += float(reward)
            if ended or cut:
                break
        else:
            raise InputError(
                f"an episode took more than {LONGEST:,} steps: let it end, as by gymnasium.wrappers.TimeLimit."
            )
    return total / episodes


def discrete(space: Any, what: str, learner: str) -> int:
    """How many values a space has; raises ``InputError`` where it is not of numbered values from 0."""
    if getattr(space, "n", None) is None or np.ndim(space.n) or getattr(space, "start", 0):
        raise InputError(f"{learner} needs {what} numbered from 0, as Discrete(16); these are {space}.")
    return int(space.n)
