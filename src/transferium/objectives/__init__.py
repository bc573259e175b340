"""Terms of a loss. Each is a small class over ``training.objective.Objective``; they compose with ``+`` and ``*``."""

from transferium.objectives.l2sp import L2SP
from transferium.objectives.supervised import Supervised
from transferium.training.objective import Objective, Sum, Weighted

__all__ = ["L2SP", "Objective", "Sum", "Supervised", "Weighted"]
