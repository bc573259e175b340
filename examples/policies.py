# %% [markdown]
# # Policies: what was learned in one environment, carried to a similar one
#
# A pole that is balanced, and a walk over a frozen lake: a policy learns in one environment and goes on in another,
# beside one that begins there from scratch with the same steps. Two pairs are alike; in two more the same actions
# do the opposite, or the old way leads into holes.
#
#     python -m pip install "transferium[rl]"
#     python examples/policies.py

# %%
import os
from typing import Any

import gymnasium

import transferium as tm

SEEDS = range(int(os.environ.get("SEEDS", "10")))
LAKE = ["SFFF", "FHFH", "FFFH", "HFFG"]
SIMILAR = ["SFFF", "FHHH", "FFFH", "HFFG"]
TRAP = ["SFFF", "HHFF", "HHFF", "GFFF"]


# %%
def pole(half_length: float = 0.5, force: float = 10.0) -> Any:
    """A cart with a pole; with a negative force it is pushed the other way."""
    made = gymnasium.make("CartPole-v1")
    cart = made.unwrapped
    cart.length, cart.polemass_length, cart.force_mag = half_length, cart.masspole * half_length, force
    return made


def lake(rows: list[str]) -> Any:
    """A lake of safe (F) and broken (H) ice, from S to G; nobody slips."""
    return gymnasium.make("FrozenLake-v1", desc=rows, is_slippery=False)


# %% [markdown]
# A linear policy by the cross-entropy method balances; a table of values (Q-learning) walks.

# %%
PAIRS = {
    "a pole twice as long": (pole, lambda: pole(1.0), tm.policies.LinearPolicy(), 20_000, 10_000),
    "a cart pushed the other way": (pole, lambda: pole(force=-10.0), tm.policies.LinearPolicy(), 20_000, 10_000),
    "a lake with another hole": (lambda: lake(LAKE), lambda: lake(SIMILAR), tm.policies.QTable(), 20_000, 4_000),
    "a lake whose old way ends in holes": (lambda: lake(LAKE), lambda: lake(TRAP), tm.policies.QTable(), 20_000, 4_000),
}
for name, (source, target, learner, before, after) in PAIRS.items():
    found = tm.policies.transfer(source, target, learner, source_steps=before, target_steps=after, seeds=SEEDS)
    print(f"\n{name}\n{found}")
