"""Policies of reinforcement learning that are carried to a similar environment: did it help?

``transfer`` compares learning from a carried policy with learning from scratch; ``QTable``, ``LinearPolicy`` and
``StableBaselines`` are learners.
"""

from transferium.policies.learners import LinearPolicy as LinearPolicy
from transferium.policies.learners import QTable as QTable
from transferium.policies.policy_transfer import PolicyTransfer as PolicyTransfer
from transferium.policies.policy_transfer import transfer as transfer
from transferium.policies.stable_baselines import StableBaselines as StableBaselines
