"""Algorithms of Stable-Baselines3 as learners."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

from transferium.errors import InputError


@dataclass
class StableBaselines:
    """An algorithm of Stable-Baselines3, as ``StableBaselines(stable_baselines3.PPO, settings={"n_steps": 256})``.

    It learns whole rollouts: steps are rounded up to these, for a carried policy and from scratch alike. A carried one
    goes on with its network and its optimiser. Raffin et al., Stable-Baselines3, JMLR 22, 2021.
    """

    algorithm: type
    policy: str = "MlpPolicy"
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if missing := [name for name in ("learn", "predict", "save", "load") if not hasattr(self.algorithm, name)]:
            raise InputError(f"{self.algorithm!r} is no algorithm of Stable-Baselines3: it has no {missing[0]}.")

    def __call__(self, environment: Any, seed: int) -> StableLearner:
        model = self.algorithm(self.policy, environment, seed=seed, device="cpu", **self.settings)
        return StableLearner(model)


@dataclass
class StableLearner:
    """A model of Stable-Baselines3 that learns."""

    model: Any

    def learn(self, environment: Any, steps: int) -> None:
        """Learn from so many steps more, rounded up to whole rollouts."""
        self.model.set_env(environment)
        self.model.learn(steps, reset_num_timesteps=True)

    def act(self, observation: Any) -> Any:
        """The action of the policy, without exploring."""
        return self.model.predict(observation, deterministic=True)[0]

    def copy(self) -> StableLearner:
        kept = io.BytesIO()
        self.model.save(kept)
        kept.seek(0)
        return StableLearner(type(self.model).load(kept, device="cpu"))
