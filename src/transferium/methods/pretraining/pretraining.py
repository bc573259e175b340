"""What all pretrainings have in common: their settings, the stage they train, and what they leave. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from transferium.data.domain import Domain, Kind
from transferium.methods.finetuning.optimising import MachineUse, Optimising
from transferium.methods.settings.checks import SHARE, check_values
from transferium.methods.settings.field import setting
from transferium.methods.unused_settings import warn_of_unused, warn_without
from transferium.system.display import Progress

if TYPE_CHECKING:
    from transferium.models.model import Model
    from transferium.objectives.self_supervised.base import SelfSupervised
    from transferium.training.feeds.feeds import Feeds
    from transferium.training.loop.stage import Stage
    from transferium.training.loop.wrapper import Wrapper


NEW = "a new network (no --backbone)"


@dataclass
class Spot:
    """Where a pretraining works: its state folder, its seed, who is told."""

    workdir: Path
    seed: int = 0
    progress: Progress | None = None
    track: tuple[str, ...] = ()
    checkpoint_steps: int | None = None

    def tell(self, what: str, done: int, total: int) -> None:
        """Say how much of some work is done, where anybody listens."""
        if self.progress is not None:
            self.progress(what, done, total)


@dataclass
class Pretrained:
    """What a pretraining leaves. ``write`` puts the encoder into an empty folder, as its library reads it.

    ``held`` are the last held-out figures, ``beside`` what they are to be compared with, ``said`` what a reader must
    know, ``counts`` what there was to learn from.
    """

    kind: Kind
    write: Callable[[Path], None]
    history: list[dict[str, Any]]
    counts: dict[str, int]
    beside: dict[str, float] = field(default_factory=dict)
    said: tuple[str, ...] = ()

    @property
    def held(self) -> dict[str, float]:
        """The held-out figures of the last epoch."""
        rows = [row for row in self.history if any(name.startswith("val_") for name in row)]
        return {name.removeprefix("val_"): v for name, v in rows[-1].items() if name.startswith("val_")} if rows else {}


@dataclass
class Pretraining(MachineUse, Optimising):
    """Learn an encoder from examples without labels: one stage of a sum of self-supervised terms.

    A share is held out, on which the same terms are measured after every epoch; it chooses nothing: the last epoch is
    kept.
    """

    name: ClassVar[str] = "pretrain"
    kind: ClassVar[Kind]
    """What it learns from, and what its encoder reads."""
    objectives: ClassVar[tuple[str, ...]] = ()
    """What it can learn by."""
    counts_with: ClassVar[dict[str, str]] = {}
    """By setting: the objective, or ``NEW``, without which it has no effect."""

    schedule: str = setting("linear", "how the rate falls")
    epochs: int = setting(10, "passes over the corpus", bounds={"least": 1})
    batch_size: int = setting(32, "examples a step", bounds={"least": 1})
    lr: float | None = setting(
        None, "peak rate (none: what suits the network; a tenth where pretrained weights go on)", bounds={"above": 0}
    )
    weight_decay: float = setting(0.01, "decoupled weight decay", bounds={"least": 0})
    held_share: float = setting(0.05, "share of the examples that is held out, at most 1,000", bounds=SHARE)

    def __post_init__(self) -> None:
        check_values(self)
        self.check_optimising()
        warn_of_unused(self)

    def warn_without_effect(self, asked: tuple[str, ...], start: str | None) -> None:
        """Warn of settings that have no effect by the objectives ``asked``, or where the encoder ``start`` goes on."""
        there = {*asked, NEW} if start is None else {*asked}
        missing = {name: needed for name, needed in self.counts_with.items() if needed not in there}
        warn_without(self, {name: w if w == NEW else f"objective {w}" for name, w in missing.items()})

    def to_json(self) -> dict[str, Any]:
        """The settings, ready for ``json.dumps``."""
        return {"name": self.name} | {f.name: getattr(self, f.name) for f in fields(self)}

    def open(self, corpus: Any, columns: Mapping[str, Any]) -> Any:
        """What :meth:`pretrain` learns from, of a path or of examples in memory."""
        raise NotImplementedError

    def pretrain(self, corpus: Any, asked: tuple[str, ...], start: str | None, spot: Spot) -> Pretrained:
        """Learn from ``corpus`` by the objectives ``asked``; ``start`` names the encoder that goes on, if any."""
        raise NotImplementedError

    def _held(self, n: int) -> int:
        """How many of ``n`` examples are held out."""
        return max(1, min(round(self.held_share * n), 1000))

    def _stage(
        self,
        model: Model,
        objective: SelfSupervised,
        feeds: Feeds,
        train: Domain,
        held: Domain,
        *,
        seed: int,
        lr: float,
        about: Mapping[str, Any],
    ) -> Stage:
        from transferium.training.loop.compiled import compile_forward
        from transferium.training.loop.param_groups import plain_groups
        from transferium.training.loop.stage import Stage
        from transferium.training.wrappers.held_out_terms import held_out_terms
        from transferium.training.wrappers.keep_best import KeepLast

        if self.compile:
            compile_forward(model.backbone)
        rate = lr if self.lr is None else self.lr
        by = objective.lowered()[0]
        around: list[Wrapper] = [KeepLast(held_out_terms(objective.measures, held), by=by)]
        if self.schedule == "plateau":
            around.append(self._plateau(by, True))
        return Stage(
            model=model,
            streams={"corpus": train},
            objective=objective,
            groups=plain_groups(model.parameters(), rate, self.weight_decay, "model"),
            feeds=feeds,
            name="pretrain",
            epochs=self.epochs,
            batch_size=min(self.batch_size, len(train)),
            objective_lr=rate,
            weight_decay=self.weight_decay,
            optimiser=self._optimiser(),
            schedule=self._schedule(),
            clip=self.clip,
            accumulate=self.accumulate,
            seed=seed,
            about={"method": self.to_json(), **about},
            around=around,
        )
