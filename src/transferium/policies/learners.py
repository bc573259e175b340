"""What learns a policy: a table of values, a linear policy, or anything with these three methods."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from transferium.errors import InputError
from transferium.policies.environments import discrete, returns


class Learner(Protocol):
    """What ``transfer`` asks of a learner. It begins to learn from what it knows already."""

    def learn(self, environment: Any, steps: int) -> None:
        """Learn from ``steps`` more steps in ``environment``."""

    def act(self, observation: Any) -> Any:
        """The action that the policy takes, without exploring."""

    def copy(self) -> Learner:
        """The same learner, which learns on by itself."""


Beginning = Callable[[Any, int], Learner]
"""A new learner for an environment, with a seed."""


@dataclass
class QTable:
    """Tabular Q-learning, for numbered observations and actions.

    ``Q(s, a) ← Q(s, a) + rate · (r + discount · max Q(s', ·) - Q(s, a))``, where a share ``explore`` of the actions is
    drawn at random, and ties are broken at random. Watkins and Dayan, Q-learning, 1992.
    """

    rate: float = 0.2
    discount: float = 0.99
    explore: float = 0.2

    def __call__(self, environment: Any, seed: int) -> TableLearner:
        states = discrete(environment.observation_space, "observations", "a table of values")
        actions = discrete(environment.action_space, "actions", "a table of values")
        return TableLearner(self, np.zeros((states, actions)), np.random.default_rng(seed))


@dataclass
class TableLearner:
    """A table of values ``(observations, actions)`` that learns."""

    settings: QTable
    values: NDArray[np.float64]
    random: np.random.Generator
    state: int | None = field(default=None)

    def learn(self, environment: Any, steps: int) -> None:
        """Learn from each of ``steps`` steps; an episode begins anew."""
        self.state = None
        for _ in range(steps):
            if self.state is None:
                observation, _ = environment.reset(seed=int(self.random.integers(2**31)))
                self.state = int(observation)
            action = self._explore(self.state)
            observation, reward, ended, cut, _ = environment.step(action)
            following = 0.0 if ended else self.settings.discount * self.values[int(observation)].max()
            error = float(reward) + following - self.values[self.state, action]
            self.values[self.state, action] += self.settings.rate * error
            self.state = None if ended or cut else int(observation)

    def _explore(self, state: int) -> int:
        if self.random.random() < self.settings.explore:
            return int(self.random.integers(self.values.shape[1]))
        best = np.flatnonzero(self.values[state] == self.values[state].max())
        return int(best[self.random.integers(len(best))])

    def act(self, observation: Any) -> int:
        """The action of the largest value, the first of equal ones."""
        return int(self.values[int(observation)].argmax())

    def copy(self) -> TableLearner:
        return copy.deepcopy(self)


@dataclass
class LinearPolicy:
    """A linear policy found by the cross-entropy method, for observed numbers and numbered actions.

    The action is the largest of ``W x + b``. Each round draws ``candidates`` of ``(W, b)`` from a normal distribution,
    plays an episode with each, and moves mean and spread to those of the best ``elite`` of them; no spread falls below
    ``least``. Rubinstein, The cross-entropy method for combinatorial and continuous optimization, 1999.
    """

    candidates: int = 20
    elite: float = 0.2
    spread: float = 1.0
    least: float = 0.2

    def __call__(self, environment: Any, seed: int) -> LinearLearner:
        space, actions = environment.observation_space, discrete(environment.action_space, "actions", "a linear policy")
        if space.shape is None or len(space.shape) != 1:
            raise InputError(f"a linear policy needs observations that are a list of numbers; these are {space}.")
        mean = np.zeros((actions, space.shape[0] + 1))
        return LinearLearner(self, mean, np.full_like(mean, self.spread), np.random.default_rng(seed))


@dataclass
class LinearLearner:
    """Mean and spread ``(actions, observed + 1)`` of linear policies, which learn; ``ahead`` steps are paid already."""

    settings: LinearPolicy
    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    random: np.random.Generator
    ahead: int = 0
    round: list[tuple[float, NDArray[np.float64]]] = field(default_factory=list)

    def learn(self, environment: Any, steps: int) -> None:
        """Play until ``steps`` are used up; what the last episode takes beyond them is paid by the next call."""
        left = steps - self.ahead
        while left > 0:
            candidate = self.mean + self.spread * self.random.normal(size=self.mean.shape)
            taken = [0]

            def act(observation: Any, policy: Any = candidate, taken: list[int] = taken) -> int:
                taken[0] += 1
                return _best(policy, observation)

            got = returns(environment, act, 1, int(self.random.integers(2**31)))
            left -= taken[0]
            self.round.append((got, candidate))
            if len(self.round) == self.settings.candidates:
                self._next_round()
        self.ahead = -left

    def _next_round(self) -> None:
        best = sorted(self.round, key=lambda one: -one[0])[: max(2, round(self.settings.elite * len(self.round)))]
        elite = np.array([policy for _, policy in best])
        self.mean, self.spread = elite.mean(axis=0), np.maximum(elite.std(axis=0), self.settings.least)
        self.round = []

    def act(self, observation: Any) -> int:
        """The action of the mean policy."""
        return _best(self.mean, observation)

    def copy(self) -> LinearLearner:
        """The same, at the beginning of a round: returns of another environment say nothing of the next."""
        return replace(copy.deepcopy(self), round=[], ahead=0)


def _best(policy: NDArray[np.float64], observation: Any) -> int:
    return int((policy[:, :-1] @ np.asarray(observation, np.float64) + policy[:, -1]).argmax())
