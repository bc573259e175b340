"""An Optuna sampler whose proposal for a trial depends on the trials before it and on nothing else."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial


class SeededSampler(BaseSampler):  # type: ignore[misc]  # Optuna is not typed here
    """The tree-structured Parzen estimator, begun anew for each trial with the seed ``(*seed, number(study, trial))``.

    A sampler that lives on draws from one stream of random numbers: after an interruption it would begin that again,
    and propose otherwise than it would have. ``shared`` keeps away from what other processes are trying.
    """

    def __init__(self, seed: list[int], number: Callable[[Study, FrozenTrial], int], shared: bool) -> None:
        self.seed, self.number, self.shared = seed, number, shared
        self._now = self._begun(0)

    def _begun(self, number: int) -> TPESampler:
        seed = int(np.random.SeedSequence([*self.seed, number]).generate_state(1)[0])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)  # what Optuna 4 says of ``constant_liar``
            return TPESampler(seed=seed, constant_liar=self.shared)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        self._now = self._begun(self.number(study, trial))
        self._now.before_trial(study, trial)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        space: dict[str, BaseDistribution] = self._now.infer_relative_search_space(study, trial)
        return space

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        values: dict[str, Any] = self._now.sample_relative(study, trial, search_space)
        return values

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._now.sample_independent(study, trial, param_name, param_distribution)
