"""Adaptation without source data: a trained model and unlabelled target rows give an adapted model.

The model is trained on a labelled source first, or is a finished one that was given in the source's place
(``task.model``): all that follows is the same.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from transferium.errors import InputError
from transferium.methods.adaptation_task import SourceModel
from transferium.methods.deep_adaptation.network import AdaptedNetwork
from transferium.methods.deep_adaptation.state import AdaptationState
from transferium.methods.settings.checks import BELOW_1, RATE
from transferium.methods.settings.field import setting
from transferium.methods.task import Task
from transferium.models.backbone import Backbone

if TYPE_CHECKING:
    from transferium.training.loop.objective import Objective
    from transferium.training.loop.param_groups import Group
    from transferium.training.loop.stage import Stage


@dataclass
class SHOT(AdaptedNetwork):
    """Freeze the last layer, and move what is below it by the target's inputs alone.

    It trains on the source first.
    ``weight · (H(p) - H(mean p) + self_labels · CE(centroid labels))``; the labels are those of the nearest class
    centroid of the target and are found anew in every round. ``self_labels=0`` is information maximisation alone. The
    source takes no part in the second half; labelled target examples, where there are any, do.
    A finished model may stand for the source: its hidden layers are what moves, or, below a head that is linear, one
    affine layer of ``width · (width + 1)`` numbers that begins as the identity; with ``tuning`` the backbone too.
    Prefer it where classes are clusters; it expects them about equally frequent.
    Liang et al., Do we really need to access the source data?, ICML 2020.
    """

    name: ClassVar[str] = "shot"
    sharpens: ClassVar[bool] = True
    adapts_models: ClassVar[bool] = True
    rates: ClassVar[tuple[str, ...]] = (*AdaptedNetwork.rates, "adapt_lr")
    needs_target: ClassVar[bool] = True

    label_smoothing: float = setting(0.1, "share of each source label spread over all classes", (0.0, 0.2), BELOW_1)
    self_labels: float = setting(0.3, "weight of the centroid labels beside information maximisation", (0.0, 1.0))
    rounds: int = setting(10, "passes over the target, each with fresh labels", (3, 30))
    adapt_lr: float = setting(3e-4, "peak learning rate once the source is gone", (1e-5, 1e-2), RATE)

    def stages(self, task: Task) -> Generator[Stage, None, AdaptationState]:
        state = yield from super().stages(task)
        if self.weight == 0:
            return state
        state.leave_source()
        state.model.head.requires_grad_(False)
        for number in range(self.rounds):
            yield self._round(task, state, number)
        return state

    def _round(self, task: Task, state: AdaptationState, number: int) -> Stage:
        from transferium.methods.deep_adaptation.inference import clustered_domain
        from transferium.objectives.prediction import InformationMaximisation
        from transferium.objectives.supervised import Supervised
        from transferium.training.loop.schedule import Schedule

        term: Objective = InformationMaximisation("guessed")
        if self.self_labels:
            term = term + self.self_labels * Supervised("guessed", name="self_labels")
        few = {name: domain for name, domain in state.streams.items() if name == "target"}
        return self._stage(
            task,
            state,
            self._and_few(state, self.weight * term),
            streams={"guessed": clustered_domain(state), **few},
            groups=self._encoder_groups(state),
            name=f"round {number + 1}",
            epochs=1,
            schedule=Schedule("constant"),
        )

    def _encoder_groups(self, state: AdaptationState) -> tuple[Group, ...]:
        from transferium.training.loop.param_groups import plain_groups

        parameters = list(state.encoder.parameters())
        body = self._body(state, self.adapt_lr)
        return (*body, *plain_groups(parameters, self.adapt_lr, self.weight_decay, "encoder"))


@dataclass
class AdaBN(AdaptedNetwork):
    """Put the target's statistics where the network normalises: nothing else moves.

    It trains on the source first.
    With a frozen backbone that is the mean and spread of every feature; where the backbone moved and has batch
    normalisation, the running statistics of its layers too. ``weight`` is how far to go, from 0 to 1.
    A finished model may stand for the source if its backbone moves and has batch normalisation: of the source's
    statistics, only those in these layers come with a model, and only if its backbone was trained on the source: below
    a probe they are those of pretraining, and replacing them moves the features from under the head.
    It repairs a change of style; it breaks where class shares differ.
    Li et al., Revisiting batch normalization for practical domain adaptation, 2016.
    """

    name: ClassVar[str] = "adabn"
    adapts_models: ClassVar[bool] = True
    needs_batch_norm: ClassVar[bool] = True
    needs_target: ClassVar[bool] = True
    makes_alike: ClassVar[bool] = True
    keep_statistics: ClassVar[bool] = False
    learns_from_few: ClassVar[bool] = False
    why_not_few: ClassVar[str] = ": after the source it changes statistics alone, which have no labels"

    weight: float = setting(
        1.0, "how far to go towards the target's statistics; 0 is source-network", (0.0, 1.0), {"most": 1}
    )

    def check(self) -> None:
        """Raise ``InputError`` for settings that cannot work."""
        super().check()
        if self.statistics != "shared":
            raise InputError(f"{self.name} gives the target its own statistics by itself: leave statistics out.")

    def check_model(self, model: SourceModel, backbone: Backbone) -> None:
        """Raise ``InputError`` for a model that does not hold its source's statistics."""
        super().check_model(model, backbone)
        if not self.needs_batch_norm:
            return
        from transferium.training.loop.freeze import has_batch_norm

        why = f"the features of {model.name!r} stay as they are with tuning=frozen"
        if self.moves_backbone:
            why = f"the backbone of {model.name!r}, {backbone.name}, has no batch normalisation"
        if not self.moves_backbone or not has_batch_norm(list(backbone.build().modules())):
            raise InputError(
                f"{self.name} puts the target's statistics in the place of the source's, and of these a model holds "
                f"only those in its batch normalisation; {why}. Give tuning=full with a backbone that has some, use "
                "shot or tent, or give the data that the model was made from."
            )

    def stages(self, task: Task) -> Generator[Stage, None, AdaptationState]:
        state = yield from super().stages(task)
        if self.weight and self._may_restate(state):
            self._restate(state, self.weight)
        return state

    def _may_restate(self, state: AdaptationState) -> bool:
        """Whether the statistics that are there are to be replaced."""
        return True

    def _restate(self, state: AdaptationState, share: float) -> None:
        from transferium.methods.deep_adaptation.inference import below_bottleneck, restate_batch_norm
        from transferium.models.heads.bottleneck import Standardised

        state.leave_source()
        norm = state.encoder[0]
        assert isinstance(norm, Standardised)
        before = below_bottleneck(state, "source") if "source" in state.streams else None
        if state.tuned is not None:
            restate_batch_norm(state, "unlabeled", share)
        if before is not None:
            norm.restate(before, below_bottleneck(state, "unlabeled"), share)


@dataclass
class TENT(AdaBN):
    """``adabn``, then move the normalisation's scales and shifts to make answers sure.

    ``weight · mean H(p)`` over scales and shifts only. Few parameters, little harm; it needs answers that are mostly
    right, and collapses under many steps at a high rate.
    Where a finished model stands for the source, a gain and a shift of each feature move from 1 and 0, and with a
    backbone that moves those of its batch normalisation; statistics of a backbone that was pretrained elsewhere stay.
    Wang et al., Tent: fully test-time adaptation by entropy minimization, ICLR 2021.
    """

    name: ClassVar[str] = "tent"
    sharpens: ClassVar[bool] = True
    needs_batch_norm: ClassVar[bool] = False
    rates: ClassVar[tuple[str, ...]] = (*AdaptedNetwork.rates, "adapt_lr")

    rounds: int = setting(3, "passes over the target", (1, 10))
    adapt_lr: float = setting(1e-3, "peak learning rate of scales and shifts", (1e-5, 1e-2), RATE)

    def stages(self, task: Task) -> Generator[Stage, None, AdaptationState]:
        state = yield from super().stages(task)
        if self.weight == 0:
            return state
        from transferium.objectives.prediction import Entropy

        yield self._stage(
            task,
            state,
            self.weight * Entropy(),
            streams={"unlabeled": state.streams["unlabeled"]},
            groups=self._scales(state),
            name="entropy",
            keep_statistics=True,
            epochs=self.rounds,
        )
        return state

    def _may_restate(self, state: AdaptationState) -> bool:
        # Below the head of a given model, statistics of pretraining are none of its source's.
        return state.given is None or not state.backbone.pretrained

    def _scales(self, state: AdaptationState) -> tuple[Group, ...]:
        from transferium.models.heads.bottleneck import Standardised
        from transferium.training.loop.param_groups import plain_groups

        state.model.requires_grad_(False)
        norm = state.encoder[0]
        assert isinstance(norm, Standardised)
        moving = [norm.gain, norm.shift]
        if state.tuned is not None:
            from transferium.training.loop.freeze import freeze, has_batch_norm

            if has_batch_norm(list(state.tuned.modules())):
                freeze(state.tuned, state.backbone.blocks, "norm")
                moving += [p for p in state.tuned.parameters() if p.requires_grad]
        for parameter in moving:
            parameter.requires_grad_(True)
        return plain_groups(moving, self.adapt_lr, 0.0, "scales")
