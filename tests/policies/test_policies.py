"""A policy carried to another environment, beside one from scratch."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import transferium as tm
from transferium.errors import InputError
from transferium.policies import environments
from transferium.policies.environments import returns
from transferium.policies.policy_transfer import measured
from transferium.system.extras import MissingExtraError

gymnasium = pytest.importorskip("gymnasium")
SHORT: dict[str, Any] = {"source_steps": 600, "target_steps": 300, "measurements": 3, "episodes": 1, "seeds": range(6)}


class Corridor(gymnasium.Env[Any, Any]):
    """Five places in a row; walking to the end that is the goal brings one, each step costs a little."""

    def __init__(self, goal: int = 4, places: int = 5, ends: bool = True) -> None:
        self.observation_space = gymnasium.spaces.Discrete(places)
        self.action_space = gymnasium.spaces.Discrete(2)
        self.goal, self.places, self.ends = goal, places, ends

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[int, dict[str, Any]]:
        super().reset(seed=seed)
        self.at, self.taken = self.places // 2, 0
        return self.at, {}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        self.at = min(max(self.at + 2 * int(action) - 1, 0), self.places - 1)
        self.taken += 1
        there = self.at == self.goal and self.ends
        return self.at, 1.0 if there else -0.1, there, self.taken >= 20 and self.ends, {}


def test_a_policy_helps_where_the_goal_is_the_same_and_hurts_where_it_is_at_the_other_end() -> None:
    same = tm.policies.transfer(Corridor, Corridor, tm.policies.QTable(), **SHORT)
    assert same.verdict.word == same.word("jump_start") == "helped" and same.differences["steps_saved"].value > 0
    other = tm.policies.transfer(Corridor, lambda: Corridor(goal=0), tm.policies.QTable(), **SHORT)
    assert other.differences["area"].value < 0 and other.reached["scratch"] == 6
    told = json.loads(json.dumps(same.as_dict()))
    assert told["verdict"] == "helped" and len(told["carried"]) == 6 and len(told["steps"]) == 4
    assert "jump-start" in repr(same) and "<table>" in same._repr_html_()


def test_the_same_seeds_give_the_same_curves_and_the_source_is_not_changed_by_the_target() -> None:
    once, again = (tm.policies.transfer(Corridor, Corridor, tm.policies.QTable(), **SHORT) for _ in range(2))
    assert np.array_equal(once.carried, again.carried) and np.array_equal(once.scratch, again.scratch)
    taught = tm.policies.QTable()(Corridor(), 0)
    taught.learn(Corridor(), 200)
    before = taught.values.copy()
    taught.copy().learn(Corridor(goal=0), 200)
    assert np.array_equal(taught.values, before)


def test_the_figures_are_those_of_their_definitions() -> None:
    carried = np.array([[2.0, 4, 4], [1, 3, 5], [2, 3, 4]])
    scratch = np.array([[0.0, 2, 4], [1, 1, 5], [0, 2, 2]])
    found = measured(np.array([0, 10, 30]), carried, scratch)
    assert found.differences["jump_start"].value == pytest.approx(4 / 3)
    areas = [10 * (a[0] + a[1]) / 2 + 20 * (a[1] + a[2]) / 2 for a in carried - scratch]
    assert found.differences["area"].value == pytest.approx(np.mean(areas) / 30)
    assert found.threshold == pytest.approx(1 / 3 + 0.9 * (11 / 3 - 1 / 3)) and found.reached["carried"] == 3
    assert found.differences["steps_saved"].value == pytest.approx(np.mean([30 - 10, 30 - 30, 30 - 30]))


def test_gains_that_are_equal_in_few_seeds_are_no_evidence() -> None:
    flat = np.zeros((2, 2))
    assert measured(np.array([0, 5]), flat + 1, flat).word("jump_start") == "no evidence"
    flat = np.zeros((6, 2))
    assert measured(np.array([0, 5]), flat + 1, flat).word("jump_start") == "helped"


def test_one_seed_has_no_interval_and_no_verdict() -> None:
    alone = tm.policies.transfer(Corridor, Corridor, tm.policies.QTable(), **SHORT | {"seeds": [3]})
    assert alone.verdict.word == alone.word("jump_start") == "no evidence" and "no interval" in repr(alone)


def test_a_linear_policy_balances_a_pole_and_uses_no_more_steps_than_it_has() -> None:
    learner, pole = (
        tm.policies.LinearPolicy(candidates=8)(gymnasium.make("CartPole-v1"), 0),
        gymnasium.make("CartPole-v1"),
    )
    taken: list[int] = []
    pole = gymnasium.wrappers.TransformReward(pole, lambda reward: taken.append(1) or reward)
    for _ in range(4):
        learner.learn(pole, 500)
    assert len(taken) - learner.ahead == 2000
    learner.learn(pole, 7)
    assert learner.round and not learner.copy().round and learner.copy().ahead == 0
    assert returns(gymnasium.make("CartPole-v1"), learner.act, 3, 0) > 60, "a policy that does nothing holds it for 10"


@pytest.mark.slow
def test_stable_baselines_learns_on_from_what_it_knows() -> None:
    baselines = pytest.importorskip("stable_baselines3")
    begins = tm.policies.StableBaselines(baselines.PPO, settings={"n_steps": 16, "batch_size": 16, "n_epochs": 1})
    taught = begins(gymnasium.make("CartPole-v1"), 0)
    taught.learn(gymnasium.make("CartPole-v1"), 32)
    again = taught.copy()
    observation = np.array([0.1, 0.0, -0.1, 0.2], np.float32)
    assert taught.act(observation) == again.act(observation)
    before = taught.model.get_parameters()["policy"]["value_net.weight"].clone()
    again.learn(gymnasium.make("CartPole-v1"), 20)
    again.learn(gymnasium.make("CartPole-v1"), 12)
    assert again.model.num_timesteps == 64 and again.ahead == 0
    assert not (again.model.get_parameters()["policy"]["value_net.weight"] == before).all()
    assert (taught.model.get_parameters()["policy"]["value_net.weight"] == before).all()
    with pytest.raises(InputError, match="no algorithm of Stable-Baselines3"):
        tm.policies.StableBaselines(dict)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"target": lambda: Corridor(places=7)},
            r"differ in their observations: Discrete\(5\) at the source, Discrete\(7\)",
        ),
        ({"target": "NoSuch-v0"}, "gymnasium cannot make 'NoSuch-v0'"),
        ({"learner": tm.policies.LinearPolicy()}, "needs observations that are a list of numbers"),
        ({"source": "CartPole-v1", "target": "CartPole-v1"}, "needs observations numbered from 0"),
        ({"seeds": []}, "seeds must be whole numbers"),
        ({"seeds": [1, 1]}, "seeds must be whole numbers"),
        ({"seeds": 10}, "seeds must be whole numbers .*; given was 10"),
        ({"learner": tm.policies.QTable}, r"learner must be as QTable\(\)"),
        ({"seeds": [-1, 2]}, "seeds must be whole numbers"),
        ({"threshold": float("nan")}, "threshold must be a finite number; given was nan"),
        ({"source": 3}, "an environment is the name of one or a function that makes one; given was 3"),
        ({"source": lambda: 3}, "no environment of gymnasium was made, but 3"),
        ({"target_steps": 0}, "target_steps must be 1 at least; given was 0"),
        ({"target": lambda: Corridor(ends=False)}, "an episode took more than 50 steps"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    given: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environments, "LONGEST", 50)
    wanted = {"source": Corridor, "target": Corridor, "learner": tm.policies.QTable()} | SHORT | given
    with pytest.raises(InputError, match=message):
        tm.policies.transfer(wanted.pop("source"), wanted.pop("target"), wanted.pop("learner"), **wanted)


def test_without_gymnasium_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transferium.system.extras.find_spec", lambda _name: None)
    with pytest.raises(MissingExtraError, match=r"transferium\[rl\]"):
        tm.policies.transfer(Corridor, Corridor, tm.policies.QTable(), **SHORT)
