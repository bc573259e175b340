"""Algorithms of Stable-Baselines3 as learners."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

from transferium.errors import InputError


@dataclass
class StableBaselines:
    """An algorithm of Stable-Baselines3, as ``StableBaselines(stable_baselines3.PPO, settings={"n_steps": 256})``.

    It learns whole rollouts, and what one takes beyond the steps is paid by the next ones: let rollouts be short beside
    the distance of two measurements. A carried one goes on with its network and its optimiser.
    Raffin et al., Stable-Baselines3, JMLR 22, 2021.
    """

    algorithm: type
    policy: str = "MlpPolicy"
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if missing := [name for name in ("learn", "predict", "save", "load") if not hasattr(self.algorithm, name)]:
            raise InputError(f"{self.algorithm!r} is no algorithm of Stable-Baselines3: it has no {missing[0]}.")

    def __call__(self, environment: Any, seed: int) -> StableLearner:
        try:
            model = self.algorithm(self.policy, environment, seed=seed, device="cpu", **self.settings)
        except (AssertionError, TypeError, ValueError) as error:
            raise InputError(f"{self.algorithm.__name__} cannot learn here: {error}") from error
        return StableLearner(model)


@dataclass
class StableLearner:
    """A model of Stable-Baselines3 that learns; ``ahead`` steps are paid already."""

    model: Any
    ahead: int = 0

    def learn(self, environment: Any, steps: int) -> None:
        """Learn whole rollouts until ``steps`` are used up; what the last takes beyond them the next call pays."""
        left, before = steps - self.ahead, self.model.num_timesteps
        if left > 0:
            self.model.set_env(environment)
            self.model.learn(left, reset_num_timesteps=False)
        self.ahead = self.model.num_timesteps - before - left

    def act(self, observation: Any) -> Any:
        """The action of the policy, without exploring."""
        return self.model.predict(observation, deterministic=True)[0]

    def copy(self) -> StableLearner:
        kept = io.BytesIO()
        self.model.save(kept)
        kept.seek(0)
        return StableLearner(type(self.model).load(kept, device="cpu"))
