"""What every adapted network shares: a bottleneck on frozen or tuned features, its streams, and how it ends."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from transferium.errors import DataError, InputError
from transferium.methods.base import Fitted, Method, SourceModel, Task, require_choice
from transferium.methods.carried import Carried
from transferium.methods.checks import warn_of_batch
from transferium.methods.few import refuse_few
from transferium.methods.finetune import setting
from transferium.methods.held_out import hold_out
from transferium.methods.idle import OF_NETWORKS, OF_SOURCE_NETWORK, unheard, warn_if_trained, warn_of_idle
from transferium.methods.legal import BELOW_1, SHARE
from transferium.methods.rates import check_rate
from transferium.methods.staged import Staged
from transferium.methods.threads import threads
from transferium.models.backbone import Backbone
from transferium.models.head import Head, linear
from transferium.selection.selection import Selection

if TYPE_CHECKING:
    from torch import nn

    from transferium.methods.streams import Opened
    from transferium.training.groups import Group
    from transferium.training.machine import Machine
    from transferium.training.objective import Objective
    from transferium.training.run import Outcome
    from transferium.training.stage import Stage

HELD = 0.2
"""Share of the source that no adapted network is trained on: it gives the temperature and is what validators see."""
TUNINGS = ("frozen", "partial", "full", "lora")
STATISTICS = ("shared", "each")
SOURCES = ("combined", "weighted", "votes")
KEPT = (
    "the temperature is the given model's own, for there are no source examples to measure one by: it may be too sure "
    "of the target"
)


@dataclass
class AdaptedNetwork(Staged):
    """A network trained on the labelled source, and what its subclasses add to that: see each of them.

    ``tuning="frozen"`` trains a bottleneck and a linear layer on features that were embedded once; ``"partial"`` moves
    the last ``unfreeze`` blocks of the backbone as well, ``"full"`` all of it, and ``"lora"`` a low-rank update of each
    of its linear layers and plain convolutions, at ``lr``, merged at the end. Epochs are passes over the source. The
    last epoch is kept: no target label may choose one, and source labels choose too early. An untrained backbone moves
    at the rate of what is new, and normalises by the statistics of each batch. A fifth of the source is
    held out for the temperature. A few labelled target examples, where there are any, join as a stream of their own,
    all of them together counting as much as the whole source.
    """

    name: ClassVar[str] = ""
    learns_from_few: ClassVar[bool] = True
    rates: ClassVar[tuple[str, ...]] = ("lr", "backbone_lr")
    """The settings that are learning rates."""
    keep_statistics: ClassVar[bool] = True
    """Whether batch normalisation in a pretrained backbone that moves goes on with the statistics it came with."""

    tuning: str = setting("frozen", "how much of the backbone moves: frozen, partial, full or lora", TUNINGS)
    weight: float = setting(1.0, "weight of the transfer term; 0 is source-network", (0.0, 10.0))
    growth: str = setting("ramp", "how the weight grows: ramp (from 0, DANN's curve) or fixed", ("ramp", "fixed"))
    epochs: int = setting(20, "passes over the source", (5, 50))
    batch_size: int = setting(64, "examples of each stream per step", (16, 256))
    lr: float = setting(1e-3, "peak learning rate of what is new", (1e-4, 1e-2))
    backbone_lr: float = setting(1e-4, "peak learning rate of the backbone's last block", (1e-6, 1e-3))
    layer_decay: float = setting(0.8, "each block learns at this times the rate of the one above it", (0.5, 1.0), SHARE)
    unfreeze: int | str = setting(2, "what moves of the backbone with tuning=partial")
    rank: int = setting(8, "rank of each layer's update with tuning=lora", (2, 64))
    alpha: float = setting(16.0, "tuning=lora multiplies each update by alpha / rank", (4.0, 64.0), {"above": 0})
    bottleneck: int = setting(256, "rectified features between backbone and last layer (0: none)", (0, 1024))
    weight_decay: float = setting(1e-3, "pull towards zero", (0.0, 0.1))
    label_smoothing: float = setting(0.0, "share of each source label spread over all classes", (0.0, 0.2), BELOW_1)
    sources: str = setting(
        "combined", "several sources: combined, weighted by likeness to the target, or votes of a network each", SOURCES
    )
    statistics: str = setting("shared", "what normalises a domain: shared, or each its own (per-domain)", STATISTICS)
    augment: str = setting("auto", "random changes to training examples where the backbone moves, as in finetune")
    clip: float | None = setting(10.0, "largest gradient norm (none: no limit)", (1.0, 100.0), {"above": 0})

    def check(self) -> None:
        """Raise ``InputError`` for settings that cannot work."""
        from transferium.training.augment import check_augment

        require_choice("tuning", self.tuning, TUNINGS)
        require_choice("growth", self.growth, ("ramp", "fixed"))
        require_choice("sources", self.sources, SOURCES)
        require_choice("statistics", self.statistics, STATISTICS)
        check_augment(self.augment)
        for name in self.rates:
            check_rate(name, getattr(self, name), getattr(type(self), name), "adamw")
        warn_of_idle(self, rules=OF_SOURCE_NETWORK if isinstance(self, SourceNetwork) else OF_NETWORKS)

    def fit(self, task: Task) -> Fitted:
        """Adapt; raises ``InputError`` without a target, ``DataError`` with too little of either domain."""
        refuse_few(self, task)
        if task.model is not None:
            self.check_model(task.model, task.backbone)
        if (self.needs_target or self._each) and task.unlabeled is None:
            from transferium.methods.targets import target_inputs

            target_inputs(self.name, task)
        if task.model is None and len(np.unique(task.train.y)) < 2:
            raise DataError(f"adapting needs a source with examples of 2 classes; {task.train.name!r} has one.")
        if self.tuning != "frozen" and task.backbone.kind == "features":
            raise InputError(f"tuning={self.tuning!r} moves a backbone, and features have none: use tuning=frozen.")
        if self.sources == "votes" and task.sources is not None:
            from transferium.methods.votes import vote_of_sources

            return vote_of_sources(self, task)
        with threads(1 if self.tuning == "frozen" else None):
            return super().fit(task)

    def check_model(self, model: SourceModel, backbone: Backbone) -> None:
        """Raise ``InputError`` where ``model`` cannot stand for the source, such as one whose head has no layers."""
        super().check_model(model, backbone)
        if not isinstance(model.head, Head):
            raise InputError(
                f"method {self.name!r} moves what is below the last layer, and the model {model.name!r} has no layers: "
                f"its head is of the kind {model.head.kind!r}. Give a model that ends in one, such as a probe's."
            )
        if self._each:
            raise InputError(
                "statistics=each normalises the source by its own statistics, and a model comes without them: leave "
                "it out, or use adabn."
            )

    def stages(self, task: Task) -> Generator[Stage, None, Carried]:
        if task.model is not None:
            return self._take_over(task, task.model)
        carried = self._begin(task)
        objective = self._supervised(task, carried)
        # A term of weight 0 changes nothing, but where a backbone moves its passes would draw dropout masks.
        if self.weight or carried.tuned is None:
            objective = objective + self._weighted(self._term(carried))
        yield self._stage(task, carried, objective)
        return carried

    @property
    def moves_backbone(self) -> bool:
        return self.tuning != "frozen"

    def looks_at_inputs(self, task: Task) -> bool:
        return super().looks_at_inputs(task) or self._each

    def source_only(self) -> Method:
        """A probe on frozen features; where the backbone moves, the same network, trained on the source alone.

        Several sources are combined: whatever else is done with them asks how much each looks like the target.
        """
        if not self.moves_backbone:
            return super().source_only()
        return self._alone()

    def same_learner(self) -> Method | None:
        return None if self.moves_backbone else self._alone()

    def _alone(self) -> Method:
        shared = {f.name: getattr(self, f.name) for f in fields(SourceNetwork)}
        with unheard():  # of what this method reads, it need not read everything
            return SourceNetwork(**shared | {"weight": 0.0, "sources": "combined"})

    def _term(self, carried: Carried) -> Objective | None:
        """What is added to the supervised loss, times ``weight``."""
        return None

    def _weighted(self, term: Objective | None) -> Objective:
        from transferium.functional.losses.reversal import ramp
        from transferium.training.objective import Sum

        def ramped(progress: float) -> float:
            return self.weight * ramp(progress)

        if term is None:
            return Sum()
        return (ramped if self.growth == "ramp" else self.weight) * term

    def _begin(self, task: Task) -> Carried:
        from torch import nn

        from transferium.methods.streams import open_streams
        from transferium.models.bottleneck import bottleneck

        parts = hold_out(task, HELD)
        warn_of_batch(self.batch_size, len(parts.train), type(self).batch_size)
        opened = open_streams(task, parts, frozen=self.tuning == "frozen", augment=self.augment)
        encoder = bottleneck(task.backbone.width, self.bottleneck, opened.rows)
        head = nn.Linear(self.bottleneck or task.backbone.width, task.classes)
        carried = self._carried(task, opened, encoder, head)
        carried.parts = parts
        if self._each:
            from transferium.methods.per_domain import own_statistics

            own_statistics(carried)
        return carried

    def _take_over(self, task: Task, model: SourceModel) -> Carried:
        """In the place of training on a source: the network that ``model`` is."""
        from transferium.methods.streams import open_streams
        from transferium.models.bottleneck import unfold

        warn_if_trained(self, few=task.target is not None)
        opened = open_streams(task, None, frozen=self.tuning == "frozen", augment=self.augment)
        warn_of_batch(self.batch_size, len(opened.streams["unlabeled"]), type(self).batch_size)
        carried = self._carried(task, opened, *unfold(linear(model.head), opened.rows))
        carried.temperature = model.head.temperature
        return carried

    def _carried(self, task: Task, opened: Opened, encoder: nn.Sequential, head: nn.Linear) -> Carried:
        """``encoder`` and ``head`` over the backbone, which is inside the model where it moves."""
        from torch import nn

        from transferium.models.model import Model

        tuned, notes = self._moving(task)
        return Carried(
            model=Model(encoder if tuned is None else nn.Sequential(tuned, encoder), head),
            encoder=encoder,
            tuned=tuned,
            backbone=task.backbone,
            feeds=opened.feeds,
            streams=opened.streams,
            width=head.in_features,
            names=task.train.classes,
            held=opened.held,
            notes=notes,
        )

    @property
    def _each(self) -> bool:
        """Whether each domain has statistics of its own; at weight 0 there is no target to have any."""
        return self.statistics == "each" and self.weight > 0

    def _moving(self, task: Task) -> tuple[nn.Module | None, list[str]]:
        """The backbone where it moves, with low-rank updates where these are what moves, and what to say of it."""
        from transferium.models.low_rank import inject, updates

        if self.tuning == "frozen":
            return None, []
        tuned, notes = task.backbone.build(), []
        if self.tuning == "lora":
            total = sum(p.numel() for p in tuned.parameters())
            layers = inject(tuned, rank=self.rank, alpha=self.alpha)
            moving = sum(p.numel() for p in updates(tuned))
            notes = [f"{moving:,} numbers move in {len(layers)} layers of a backbone of {total:,}"]
        return tuned, notes

    def _supervised(self, task: Task, carried: Carried) -> Objective:
        from transferium.methods.streams import row_weights
        from transferium.objectives.supervised import Supervised

        weights = None
        if self.sources == "weighted" and task.sources is not None and task.unlabeled is not None:
            assert carried.parts is not None
            weights, note = row_weights(task, carried.parts)
            carried.notes.append(note)
        source = Supervised("source", smoothing=self.label_smoothing, weights=weights)
        return self._and_few(carried, source)

    def _and_few(self, carried: Carried, objective: Objective) -> Objective:
        """``objective`` and the cross-entropy on the labelled target examples, where there are any."""
        from transferium.objectives.supervised import Supervised

        if "target" not in carried.streams:
            return objective
        return objective + Supervised("target", smoothing=self.label_smoothing, name="target")

    def _groups(self, carried: Carried) -> tuple[Group, ...]:
        from transferium.training.groups import plain_groups

        new = [*carried.encoder.parameters(), *carried.model.head.parameters()]
        return (*self._body(carried), *plain_groups(new, self.lr, self.weight_decay, "new"))

    def _body(self, carried: Carried, rate: float | None = None) -> tuple[Group, ...]:
        """The backbone's own groups: none where it is frozen. ``rate`` is that of what is new (None: ``lr``)."""
        from transferium.models.low_rank import updates
        from transferium.training.freeze import freeze
        from transferium.training.groups import layered_groups, plain_groups

        if carried.tuned is None:
            return ()
        if self.tuning == "lora":
            return plain_groups(updates(carried.tuned), self.lr, self.weight_decay, "updates")
        blocks = carried.backbone.blocks
        freeze(carried.tuned, blocks, "all" if self.tuning == "full" else self.unfreeze)
        lr, decay = self.backbone_lr, self.layer_decay
        if not carried.backbone.pretrained:
            lr, decay = rate or self.lr, 1.0
        return layered_groups(carried.tuned, blocks, lr=lr, decay=decay, weight_decay=self.weight_decay)

    def _stage(self, task: Task, carried: Carried, objective: Objective | None, **changes: Any) -> Stage:
        """One episode over the streams that ``objective`` needs; ``changes`` are fields of the stage."""
        from transferium.training.schedule import Schedule
        from transferium.training.stage import Stage

        settings: dict[str, Any] = {
            "streams": carried.streams,
            "groups": () if objective is None else self._groups(carried),
            "name": "adapt",
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "schedule": Schedule("cosine", 0.05),
        } | changes
        kept = (self.keep_statistics or self.weight == 0) and not self._each and task.backbone.pretrained
        settings = {"seed": task.seed, "keep_statistics": kept} | settings
        about = {"backbone": task.backbone.fingerprint, "method": self.to_json()}
        if task.model is not None:
            about["model"] = task.model.fingerprint
        return Stage(
            model=carried.model,
            objective=objective,
            feeds=carried.feeds,
            objective_lr=self.lr,
            clip=self.clip,
            whole_batches=True,
            about=about,
            **settings,
        )

    def _conclude(self, outcome: Outcome[Any], machine: Machine, start: float) -> Fitted:
        from transferium.methods.trained import tuned_backbone
        from transferium.models.bottleneck import fold
        from transferium.models.low_rank import merge

        carried, trained_at = outcome.result, time.perf_counter()
        if carried.each:
            from transferium.methods.per_domain import settle

            settle(carried)
        temperature, said = self._temperature(carried, machine)
        backbone, source_backbone, source_head = carried.backbone, None, None
        if carried.at_source is not None:
            body = carried.at_source.backbone
            if carried.tuned is not None:
                source_backbone, body = tuned_backbone(backbone, merge(body[0])), body[1]
            source_head = fold(body, carried.at_source.head, temperature)
        if carried.tuned is not None:
            backbone = tuned_backbone(backbone, merge(carried.tuned))
        return Fitted(
            method=self.name,
            backbone=backbone,
            head=fold(carried.encoder, carried.model.head, temperature),
            selection=self._selection(carried, said),
            history=outcome.history,
            seconds={"train": trained_at - start, "calibrate": time.perf_counter() - trained_at},
            source_head=source_head,
            source_backbone=source_backbone,
        )

    def _temperature(self, carried: Carried, machine: Machine) -> tuple[float, str]:
        """The temperature, and where it is from."""
        from transferium.functional.calibration import fit_temperature
        from transferium.training.predict import predict

        if carried.held is None:
            assert carried.temperature is not None
            return carried.temperature, KEPT
        reader, held = carried.at_source or carried.model, carried.held
        temperature = float(fit_temperature(predict(reader, held, carried.feeds, machine, batch_size=256), held.y))
        return temperature, f"the temperature is from {len(held)} held-out source examples, which were not trained on"

    def _selection(self, carried: Carried, said: str) -> Selection:
        rule, data = "no comparison: the last epoch", "no target label"
        if carried.held is None:
            return Selection("no comparison: what the last pass left", data, [], {}, (*carried.notes, said))
        epoch = {"epoch": self.epochs}
        return Selection(rule, data, [epoch], epoch, (*carried.notes, said))


@dataclass
class SourceNetwork(AdaptedNetwork):
    """The network by itself, trained on the source: what every other one is at ``weight=0``.

    ``Σ_source ℓ(f(x), y)``. Prefer it to see what the others add; where no backbone moves, ``source-only`` is surer.
    """

    name: ClassVar[str] = "source-network"
