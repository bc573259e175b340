"""The only training loop, and what it needs to know: views, objectives, stages, machines, checkpoints."""

from transferium.training.batch import Batch
from transferium.training.best import KeepBest
from transferium.training.checkpoint import Checkpoints
from transferium.training.episode import Episode, train
from transferium.training.feed import Feeds
from transferium.training.groups import Group, layered_groups, plain_groups
from transferium.training.guard import NonFiniteError
from transferium.training.machine import Machine
from transferium.training.objective import Objective
from transferium.training.optimiser import Optimiser
from transferium.training.predict import predict
from transferium.training.run import Outcome, run
from transferium.training.schedule import Schedule
from transferium.training.stage import Player, Stage
from transferium.training.view import View

__all__ = [
    "Batch",
    "Checkpoints",
    "Episode",
    "Feeds",
    "Group",
    "KeepBest",
    "Machine",
    "NonFiniteError",
    "Objective",
    "Optimiser",
    "Outcome",
    "Player",
    "Schedule",
    "Stage",
    "View",
    "layered_groups",
    "plain_groups",
    "predict",
    "run",
    "train",
]
