"""One training episode as plain data, validated when it is built."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from transferium.data.domain import Domain
from transferium.data.fingerprint import fingerprint
from transferium.errors import InputError, did_you_mean
from transferium.models.modality import is_ragged
from transferium.models.model import Model
from transferium.system.processes import world
from transferium.training.feeds.feeds import Feeds
from transferium.training.loop.freeze import has_batch_norm, split_modules
from transferium.training.loop.objective import Objective
from transferium.training.loop.optimiser import Optimiser
from transferium.training.loop.param_groups import Group, plain_groups
from transferium.training.loop.schedule import Schedule
from transferium.training.loop.wrapper import Wrapper

SAMPLINGS = ("shuffled", "balanced")


@dataclass(frozen=True, eq=False)
class Player:
    """One objective and the parameters that are moved to lower it, ``turns`` times in each step."""

    objective: Objective
    groups: tuple[Group, ...]
    turns: int = 1

    @property
    def params(self) -> list[nn.Parameter]:
        """Every parameter this player moves."""
        return [p for group in self.groups for p in group.params]


@dataclass(eq=False)
class Stage:
    """One stage of training: everything that the loop needs.

    Give ``objective`` (one player: ``groups``, or else everything in the model that requires a gradient, at ``lr``; and
    the parameters that the objective owns, at ``objective_lr`` or else ``lr``), or ``players``.

    ``streams`` are domains by name (``source``, ``target``, ``unlabeled``, ``corpus``), the first of them leading: it
    sets the length of an epoch. Give ``epochs`` or ``steps``.
    ``batch_size`` rows of each stream make one step, over all processes together; ``accumulate`` splits them into that
    many passes.
    ``joint`` says whether the streams go through the backbone in one pass, so that batch normalisation sees their
    union, or in one pass each (the default, and the only way for texts).
    ``sampling="balanced"`` gives every class of a labelled stream the same share of each epoch, whose length stays.
    ``whole_batches`` drops an epoch's last, smaller batch, as is always done where several streams are read.
    ``keep_statistics`` makes batch normalisation use the running statistics it came with, and leave them as they are,
    while its scales and shifts still move.
    ``discarded`` says that what it trains is thrown away: later stages draw batches as if it had not been.
    ``about`` are plain facts that must not change between an interrupted run and its resumption.
    ``around`` are wrappers of the records, applied in order.
    """

    model: Model
    streams: Mapping[str, Domain]
    objective: Objective | None = None
    players: Sequence[Player] = ()
    groups: tuple[Group, ...] = ()
    feeds: Feeds = field(default_factory=Feeds)
    name: str = "stage"
    epochs: int | None = None
    steps: int | None = None
    batch_size: int = 32
    lr: float = 1e-3
    objective_lr: float | None = None
    weight_decay: float = 0.0
    optimiser: Optimiser = field(default_factory=Optimiser)
    schedule: Schedule = field(default_factory=Schedule)
    clip: float | None = 1.0
    accumulate: int = 1
    joint: bool = False
    sampling: str = "shuffled"
    whole_batches: bool = False
    keep_statistics: bool = False
    seed: int = 0
    discarded: bool = False
    about: Mapping[str, Any] = field(default_factory=dict)
    around: Sequence[Wrapper] = ()

    def __post_init__(self) -> None:
        if (self.objective is None) == (not self.players):
            raise InputError("give a stage either one objective or a list of players.")
        if self.objective is not None:
            self.players = [Player(self.objective, self._groups(self.objective))]
        self._check_numbers()
        self._check_streams()
        self._check_players()
        self._check_batch_norm()

    @property
    def needs(self) -> tuple[str, ...]:
        """The streams that some objective reads, in the stage's order."""
        wanted = frozenset().union(*(p.objective.needs for p in self.players))
        return tuple(name for name in self.streams if name in wanted)

    @property
    def modules(self) -> list[nn.Module]:
        """The model and every player's objective."""
        return [self.model, *dict.fromkeys(p.objective for p in self.players)]

    @property
    def mixes_rows(self) -> bool:
        """Whether some layer normalises by the statistics of its batch."""
        return not self.keep_statistics and any(has_batch_norm(split_modules(m)[0]) for m in self.modules)

    def describe(self) -> dict[str, Any]:
        """What this stage is, in plain data: resumption compares it."""
        return {
            "name": self.name,
            **dict(self.about),
            "epochs": self.epochs,
            "steps": self.steps,
            "batch_size": self.batch_size,
            "accumulate": self.accumulate,
            "joint": self.joint,
            "sampling": self.sampling,
            "whole_batches": self.whole_batches,
            "keep_statistics": self.keep_statistics,
            "seed": self.seed,
            "clip": self.clip,
            "optimiser": repr(self.optimiser),
            "schedule": repr(self.schedule),
            "augment": self.feeds.describe(self.streams[name] for name in self.needs),
            "objective": [repr(p.objective) for p in self.players],
            "groups": [[g.name, len(g.params), g.lr, g.weight_decay] for p in self.players for g in p.groups],
            "weights": [[name, list(p.shape)] for name, p in self.model.named_parameters()],
        } | {f"stream {name}": fingerprint(self.streams[name]) for name in self.needs}

    def _groups(self, objective: Objective) -> tuple[Group, ...]:
        groups = self.groups or plain_groups(self.model.parameters(), self.lr, self.weight_decay, "model")
        taken = {p for g in groups for p in g.params}
        own = (p for p in objective.parameters() if p not in taken)
        rate = self.lr if self.objective_lr is None else self.objective_lr
        return (*groups, *plain_groups(own, rate, self.weight_decay, "objective"))

    def _check_numbers(self) -> None:
        if (self.epochs is None) == (self.steps is None):
            raise InputError(f"give a stage epochs or steps; it has epochs={self.epochs} and steps={self.steps}.")
        for name in ("epochs", "steps", "batch_size", "accumulate"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name} must be at least 1; it was {value}.")
        if self.clip is not None and not self.clip > 0:
            raise InputError(f"clip is the largest gradient norm; it must be above 0, or None, and was {self.clip}.")
        for group in (g for p in self.players for g in p.groups):
            if not (group.lr > 0 and math.isfinite(group.lr)):
                raise InputError(f"the learning rate of {group.name!r} is {group.lr}; it must be above 0.")

    def _check_streams(self) -> None:
        wanted = frozenset().union(*(p.objective.needs for p in self.players))
        for name in sorted(wanted - self.streams.keys()):
            raise InputError(
                f"stage {self.name!r} needs stream {name!r} and was given {sorted(self.streams)}. "
                f"{did_you_mean(name, self.streams)}"
            )
        if not wanted:
            raise InputError(f"stage {self.name!r} reads no stream: its objective names none in needs.")
        for name in self.needs:
            if len(self.streams[name]) == 0:
                raise InputError(f"stream {name!r} of stage {self.name!r} has no examples.")
        if self.sampling not in SAMPLINGS:
            raise InputError(f"there is no sampling {self.sampling!r}. {did_you_mean(self.sampling, SAMPLINGS)}")
        if self.sampling == "balanced" and all(self.streams[name].labels is None for name in self.needs):
            raise InputError(f"sampling='balanced' needs labels, and stage {self.name!r} reads none.")
        if self.feeds.stored and any(p.objective.needs_inputs for p in self.players):
            raise InputError(
                f"stage {self.name!r} changes the inputs themselves, and its feeds give stored activations of a frozen "
                "prefix: use cache=off."
            )
        if self.joint and any(is_ragged(self.streams[name].kind) for name in self.needs):
            raise InputError("texts of two streams have different lengths: use joint=False.")

    def _check_players(self) -> None:
        for player in self.players:
            params = player.params
            if not params:
                raise InputError(
                    f"stage {self.name!r} has nothing to train: every parameter is frozen. "
                    "Unfreeze a block or give it a head."
                )
            if len(set(params)) != len(params):
                raise InputError(f"a parameter of stage {self.name!r} is in two groups of one player.")
            if not all(p.requires_grad for p in params):
                raise InputError(f"stage {self.name!r} has a frozen parameter in its groups (requires_grad is False).")

    def _check_batch_norm(self) -> None:
        if not self.mixes_rows:
            return
        for name in self.needs:
            rows = min(self.batch_size, len(self.streams[name])) // (self.accumulate * world())
            if rows < 2:
                split = f", in accumulate={self.accumulate} passes" if self.accumulate > 1 else ""
                split += f", over {world()} processes" if world() > 1 else ""
                raise InputError(
                    f"stream {name!r} gives batches of {max(rows, 1)}, and batch normalisation needs 2 examples or "
                    f"more to know a spread: raise batch_size (it is {self.batch_size}{split}), keep the statistics "
                    "(batch_norm=kept where a method has that), or freeze those layers."
                )
