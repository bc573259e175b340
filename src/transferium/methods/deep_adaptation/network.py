"""What every adapted network shares: a bottleneck on frozen or tuned features, its streams, and how it ends."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from transferium.data.modality import KINDS
from transferium.errors import DataError, InputError
from transferium.methods.adaptation_task import AdaptationTask, SourceModel
from transferium.methods.adapted_model import AdaptedModel
from transferium.methods.deep_adaptation.state import AdaptationState
from transferium.methods.deep_adaptation.threads import threads
from transferium.methods.deep_adaptation.trained_model import trained_model
from transferium.methods.deep_adaptation.unused import OF_NETWORKS, warn_if_trained
from transferium.methods.finetuning.learning_rates import check_rate
from transferium.methods.holdout import HELD, hold_out
from transferium.methods.method import Method, NeedsTarget, refuse_few
from transferium.methods.settings.checks import BELOW_1, RATE, SHARE, warn_of_batch
from transferium.methods.settings.field import setting
from transferium.methods.staged import run_stages
from transferium.methods.task import Task
from transferium.methods.unused_settings import Rule, suppress_unused_warnings
from transferium.models.adapter import ADAPTER_KINDS
from transferium.models.backbone import Backbone
from transferium.models.catalogue import OWN
from transferium.models.heads.linear import Head, linear

if TYPE_CHECKING:
    from torch import nn

    from transferium.methods.deep_adaptation.streams import Opened
    from transferium.training.loop.objective import Objective
    from transferium.training.loop.param_groups import Group
    from transferium.training.loop.stage import Stage

TUNINGS = ("frozen", "partial", "full", "lora")
STATISTICS = ("shared", "each")
SOURCES = ("combined", "weighted", "votes")


@dataclass
class AdaptedNetwork(NeedsTarget, Method):
    """A network trained on the labelled source; each subclass adds a way to adapt it.

    ``tuning="frozen"`` trains a bottleneck and a linear layer on features that were embedded once; ``"partial"`` moves
    the last ``unfreeze`` blocks of the backbone as well, ``"full"`` all of it, and the name of an adapter (``"lora"``:
    low-rank updates of linear layers and plain convolutions) trains that one at ``lr``. Epochs are passes over the
    source. The last epoch is kept: no target label may choose one, and source labels choose too early. An untrained
    backbone moves at the rate of what is new, and normalises by the statistics of each batch. A fifth of the source is
    held out for the temperature. A few labelled target examples, where there are any, join as a stream of their own,
    all of them together counting as much as the whole source.
    """

    name: ClassVar[str] = ""
    learns_from_few: ClassVar[bool] = True
    unused_rules: ClassVar[dict[str, Rule]] = OF_NETWORKS
    rates: ClassVar[tuple[str, ...]] = ("lr", "backbone_lr")
    """The settings that are learning rates."""
    holds_out: ClassVar[float] = HELD
    sharpens: ClassVar[bool] = False
    """Whether training makes its own answers for the target surer, so that its sureness is no evidence."""
    grows_inside: ClassVar[bool] = False
    """Whether the term grows by itself, so that its weight does not."""
    keep_statistics: ClassVar[bool] = True
    """Whether batch normalisation in a pretrained backbone that moves goes on with the statistics it came with."""

    tuning: str = setting(
        "frozen",
        "what of the backbone moves: frozen, partial, full, or an adapter (lora, dora, ia3, bitfit, prompt …)",
        TUNINGS,
        choices=("frozen", "partial", "full", *ADAPTER_KINDS),
    )
    weight: float = setting(1.0, "weight of the transfer term; 0 is source-network", (0.0, 10.0))
    growth: str = setting("ramp", "how the weight grows: ramp (from 0, DANN's curve) or fixed", ("ramp", "fixed"))
    epochs: int = setting(20, "passes over the source", (5, 50))
    batch_size: int = setting(64, "examples of each stream per step", (16, 256))
    lr: float = setting(1e-3, "peak learning rate of what is new", (1e-4, 1e-2), RATE)
    backbone_lr: float = setting(1e-4, "peak learning rate of the backbone's last block", (1e-6, 1e-3), RATE)
    layer_decay: float = setting(0.8, "each block learns at this times the rate of the one above it", (0.5, 1.0), SHARE)
    unfreeze: int | str = setting(2, "what moves of the backbone with tuning=partial")
    rank: int = setting(8, "rank of each layer's update with tuning=lora or dora", (2, 64))
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
        from transferium.training.augment.augment import check_augment

        check_augment(self.augment)
        for name in self.rates:
            check_rate(name, getattr(self, name), getattr(type(self), name), "adamw")

    def adapt(self, task: AdaptationTask) -> AdaptedModel:
        """Adapt; raises ``DataError`` with too little of either domain."""
        refuse_few(self, task)
        if task.model is not None and not self.adapts_models:
            raise InputError(
                f"method {self.name!r} learns from the source's labelled examples, and {task.model.name!r} is a saved "
                "model, which has none."
            )
        if task.model is not None:
            self.check_model(task.model, task.backbone)
        else:
            self._check_source(task)
        if self.sources == "votes" and task.sources is not None:
            from transferium.methods.multi_source import vote_of_sources

            return vote_of_sources(self, task)
        return self._train(task)

    def _check_source(self, task: Task) -> None:
        if len(np.unique(task.train.y)) < 2:
            raise DataError(f"adapting needs a source with examples of 2 classes; {task.train.name!r} has one.")

    def _train(self, task: Task) -> AdaptedModel:
        if self.tuning != "frozen" and task.backbone.kind in OWN:
            kind = KINDS[task.backbone.kind]
            raise InputError(f"tuning={self.tuning!r} moves a backbone, and {kind} have none: use tuning=frozen.")
        with threads(1 if self.tuning == "frozen" else None):
            outcome, machine, start = run_stages(self, task, self.stages(task))
            made = trained_model(outcome, machine, start, method=self.name, epochs=self.epochs)
            return replace(made, sharpened=self.sharpens)

    def check_model(self, model: SourceModel, backbone: Backbone) -> None:
        """Raise ``InputError`` where ``model`` cannot replace the source, such as one whose head has no layers."""
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

    def stages(self, task: Task) -> Generator[Stage, None, AdaptationState]:
        if isinstance(task, AdaptationTask) and task.model is not None:
            return self._take_over(task, task.model)
        state = self._begin(task)
        objective = self._supervised(task, state)
        # A term of weight 0 changes nothing, but where a backbone moves its passes would draw dropout masks.
        if self.weight or state.tuned is None:
            objective = objective + self._weighted(self._term(state))
        yield self._stage(task, state, objective)
        return state

    @property
    def trains(self) -> bool:
        return True

    @property
    def moves_backbone(self) -> bool:
        return self.tuning != "frozen"

    @property
    def has_term(self) -> bool:
        """Whether a transfer term stands beside the supervised loss from the first step on."""
        return type(self)._term is not AdaptedNetwork._term

    def looks_at_inputs(self, task: AdaptationTask) -> bool:
        return super().looks_at_inputs(task) or self._each

    def source_only(self) -> Method | None:
        """A probe on frozen features; where the backbone moves, the same network, trained on the source alone.

        Several sources are combined: whatever else is done with them asks how much each looks like the target.
        """
        return self._alone() if self.moves_backbone else None

    def same_learner(self) -> Method | None:
        return None if self.moves_backbone else self._alone()

    def _alone(self) -> Method:
        shared = {f.name: getattr(self, f.name) for f in fields(SourceNetwork)}
        with suppress_unused_warnings():  # of what this method reads, it need not read everything
            return SourceNetwork(**shared | {"weight": 0.0, "sources": "combined"})

    def _term(self, state: AdaptationState) -> Objective | None:
        """What is added to the supervised loss, times ``weight``."""
        return None

    def _weighted(self, term: Objective | None) -> Objective:
        from transferium.functional.losses.reversal import ramp
        from transferium.training.loop.objective import Sum

        def ramped(progress: float) -> float:
            return self.weight * ramp(progress)

        if term is None:
            return Sum()
        return (ramped if self.growth == "ramp" and not self.grows_inside else self.weight) * term

    def _begin(self, task: Task) -> AdaptationState:
        from torch import nn

        from transferium.methods.deep_adaptation.streams import open_streams
        from transferium.models.heads.bottleneck import bottleneck

        parts = hold_out(task, self.holds_out)
        warn_of_batch(self.batch_size, len(parts.train), type(self).batch_size)
        opened = open_streams(task, parts, frozen=self.tuning == "frozen", augment=self.augment)
        encoder = bottleneck(task.backbone.width, self.bottleneck, opened.rows)
        head = nn.Linear(self.bottleneck or task.backbone.width, task.classes)
        state = self._state(task, opened, encoder, head)
        state.parts = parts
        if self._each:
            from transferium.methods.deep_adaptation.domain_batch_norm import own_statistics

            own_statistics(state)
        return state

    def _take_over(self, task: AdaptationTask, model: SourceModel) -> AdaptationState:
        """The network of the finished ``model``, used instead of training on a source."""
        from transferium.methods.deep_adaptation.streams import open_streams
        from transferium.models.heads.bottleneck import unfold

        warn_if_trained(self, few=task.target is not None)
        opened = open_streams(task, None, frozen=self.tuning == "frozen", augment=self.augment)
        warn_of_batch(self.batch_size, len(opened.streams["unlabeled"]), type(self).batch_size)
        state = self._state(task, opened, *unfold(linear(model.head), opened.rows))
        state.temperature, state.given = model.head.temperature, model.fingerprint
        return state

    def _state(self, task: Task, opened: Opened, encoder: nn.Sequential, head: nn.Linear) -> AdaptationState:
        """``encoder`` and ``head`` over the backbone, which is inside the model where it moves."""
        from transferium.models.model import Chain, Model

        tuned, notes = self._moving(task)
        return AdaptationState(
            model=Model(encoder if tuned is None else Chain(tuned, encoder), head),
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
        """The backbone where it moves, with an adapter where that is what moves, and what to say of it."""
        from transferium.models.peft.inject import inject

        if self.tuning == "frozen":
            return None, []
        tuned, notes = task.backbone.build(), []
        if self.tuning in ADAPTER_KINDS:
            total = sum(p.numel() for p in tuned.parameters())
            low_rank = {"rank": self.rank, "alpha": self.alpha} if self.tuning in ("lora", "dora") else {}
            record = inject(tuned, self.tuning, **low_rank)
            moving = sum(tuned.get_parameter(name).numel() for name in record.moving)
            notes = [f"{moving:,} numbers move in {len(record.layers)} layers of a backbone of {total:,}"]
        return tuned, notes

    def _supervised(self, task: Task, state: AdaptationState) -> Objective:
        from transferium.methods.multi_source import row_weights
        from transferium.objectives.supervised import Supervised

        weights = None
        if self.sources == "weighted" and isinstance(task, AdaptationTask) and task.sources is not None:
            assert state.parts is not None
            if len(task.sources) != len(task.train):
                raise DataError(f"sources names the origin of {len(task.sources)} rows; there are {len(task.train)}.")
            rows, target = task.embed(state.parts.train).features, task.target_features().features
            weights, note = row_weights(np.asarray(task.sources)[state.parts.kept], rows, target)
            state.notes.append(note)
        source = Supervised("source", smoothing=self.label_smoothing, weights=weights)
        return self._and_few(state, source)

    def _and_few(self, state: AdaptationState, objective: Objective) -> Objective:
        """``objective`` and the cross-entropy on the labelled target examples, where there are any."""
        from transferium.objectives.supervised import Supervised

        if "target" not in state.streams:
            return objective
        return objective + Supervised("target", smoothing=self.label_smoothing, name="target")

    def _groups(self, state: AdaptationState) -> tuple[Group, ...]:
        from transferium.training.loop.param_groups import plain_groups

        new = [*state.encoder.parameters(), *state.model.head.parameters()]
        return (*self._body(state), *plain_groups(new, self.lr, self.weight_decay, "new"))

    def _body(self, state: AdaptationState, rate: float | None = None) -> tuple[Group, ...]:
        """The backbone's own groups: none where it is frozen. ``rate`` is that of what is new (None: ``lr``)."""
        from transferium.training.loop.freeze import freeze
        from transferium.training.loop.param_groups import layered_groups, plain_groups

        if state.tuned is None:
            return ()
        if self.tuning in ADAPTER_KINDS:
            return plain_groups(state.tuned.parameters(), self.lr, self.weight_decay, "updates")
        blocks = state.backbone.blocks
        freeze(state.tuned, blocks, "all" if self.tuning == "full" else self.unfreeze)
        lr, decay = self.backbone_lr, self.layer_decay
        if not state.backbone.pretrained:
            lr, decay = rate or self.lr, 1.0
        return layered_groups(state.tuned, blocks, lr=lr, decay=decay, weight_decay=self.weight_decay)

    def _stage(self, task: Task, state: AdaptationState, objective: Objective | None, **changes: Any) -> Stage:
        """One episode over the streams that ``objective`` needs; ``changes`` are fields of the stage."""
        from transferium.training.loop.schedule import Schedule
        from transferium.training.loop.stage import Stage

        settings: dict[str, Any] = {
            "streams": state.streams,
            "groups": () if objective is None else self._groups(state),
            "name": "adapt",
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "schedule": Schedule("cosine", 0.05),
        } | changes
        kept = (self.keep_statistics or self.weight == 0) and not self._each and task.backbone.pretrained
        settings = {"seed": task.seed, "keep_statistics": kept} | settings
        about = {"backbone": task.backbone.fingerprint, "method": self.to_json()}
        if state.given is not None:
            about["model"] = state.given
        return Stage(
            model=state.model,
            objective=objective,
            feeds=state.feeds,
            objective_lr=self.lr,
            clip=self.clip,
            whole_batches=True,
            about=about,
            **settings,
        )


@dataclass
class SourceNetwork(AdaptedNetwork):
    """The network trained on the source alone: what every other one is at ``weight=0``.

    ``Σ_source ℓ(f(x), y)``. Prefer it to see what the others add; where no backbone moves, ``source-only`` is surer.
    """

    name: ClassVar[str] = "source-network"
    unused_rules: ClassVar[dict[str, Rule]] = {
        "weight": Rule(
            "", lambda m: m.weight == 0 or m.statistics == "each", "statistics=each, or a method that adapts"
        )
    }

    def fit(self, task: Task) -> AdaptedModel:
        """Train without a target; raises ``InputError`` where it would be normalised by its own statistics."""
        if self._each:
            super().fit(task)
        self._check_source(task)
        return self._train(task)
