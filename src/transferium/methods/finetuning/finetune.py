"""Move the pretrained weights: all of them, the last blocks, the norms, or the ones you name."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar

from transferium.data.domain import Domain
from transferium.data.fingerprint import fingerprint
from transferium.data.modality import by_kind
from transferium.errors import InputError
from transferium.functional.class_shares import balanced_weights
from transferium.functional.sequences.ragged import every_row
from transferium.methods.finetuning.augmentation import Augmentation, mixed
from transferium.methods.finetuning.class_balance import ClassBalance, counted_alike
from transferium.methods.finetuning.heads import NewHead, fitted_ends, notes_on_hidden
from transferium.methods.finetuning.inference_views import AtTestTime, at_inference, inference_backbone
from transferium.methods.finetuning.learning_rates import Moving, Rates, check_rates, settled
from transferium.methods.finetuning.optimising import MachineUse, Optimising
from transferium.methods.finetuning.prefix_cache import PrefixCache, cached_prefix, put_together
from transferium.methods.finetuning.trained import Trained, selection_of, temperature_of
from transferium.methods.finetuning.weight_averaging import WeightAveraging, is_lowered, scored_by
from transferium.methods.fitted import Fitted
from transferium.methods.holdout import HeldOut, hold_out
from transferium.methods.method import Method
from transferium.methods.scaled_amounts import Scale
from transferium.methods.settings.checks import warn_of_batch
from transferium.methods.staged import run_stages
from transferium.methods.task import Task
from transferium.methods.unused_settings import suppress_unused_warnings
from transferium.models.backbone import Backbone
from transferium.problems.catalogue import OF_LINEAR_HEADS
from transferium.problems.classes import Classes

if TYPE_CHECKING:
    from torch import nn

    from transferium.methods.finetuning.setup import FineTuneSetup, Term
    from transferium.models.model import Model
    from transferium.training.distributed.machine import Machine
    from transferium.training.loop.objective import Objective
    from transferium.training.loop.param_groups import Group
    from transferium.training.loop.stage import Stage
    from transferium.training.loop.wrapper import Wrapper
    from transferium.training.run import Outcome
    from transferium.training.wrappers.keep_best import KeepBest


@dataclass
class FineTune(  # settings are listed from the last base to the first
    PrefixCache,
    AtTestTime,
    MachineUse,
    WeightAveraging,
    ClassBalance,
    Augmentation,
    NewHead,
    Moving,
    Optimising,
    Rates,
    Method,
):
    """Train backbone and head together on the labelled examples, and keep the best epoch.

    ``best_epoch`` says how the best epoch is known.
    ``min mean_i -log softmax(head(backbone(x_i)))[y_i]`` from the pretrained weights, by AdamW or SGD with a linear
    warm-up and a cosine. Prefer it to the probe where there are hundreds of labels a class or the inputs look unlike
    what the backbone was pretrained on; with few labels try ``lp-ft``. The input side is the backbone's own ``size``.
    A part of train (or the val part) is held out: it chooses the epoch and the temperature, and is not trained on.
    ``augment`` is a recipe (``training/augment/recipe.py``) or, for texts, any function of a list of texts, such as a
    translation there and back, which is asked once a run (``training/augment/rewriting.py``).
    Where the first blocks are frozen and see the same inputs in every epoch (``augment=none``, or ``views`` that are
    stored), they run once for each example and their activations are stored (``cache``).
    With ``class_weights`` or ``sampling`` balanced, all of this is for a world in which classes are equally common:
    what is held out counts each class alike, and its probabilities are meant so (``class_balance.py``).
    """

    name: ClassVar[str] = "finetune"
    problems: ClassVar[tuple[str, ...]] = OF_LINEAR_HEADS
    searched: ClassVar[tuple[str, ...]] = ("lr", "head_lr", "layer_decay", "weight_decay", "epochs")

    @property
    def trains(self) -> bool:
        return True

    def check_backbone(self, backbone: Backbone) -> None:
        """Raise ``InputError`` for examples that no network is trained on."""
        from transferium.training.feeds.feeds import FEEDS

        by_kind(FEEDS, backbone.kind, "training")

    def check(self) -> None:
        """Raise ``InputError`` for what cannot work; warn of a rate far above, or far below, what works."""
        from transferium.training.augment.augment import check_augment

        self.check_balance()
        self.check_cache()
        self.check_optimising()
        self.check_averaging(self.schedule)
        check_augment(self.augment)
        self.check_head()
        check_rates(self)

    def plain(self, epochs: int | None = None) -> FineTune:
        """``finetune`` with the same settings (of ``epochs``, if given), without what a subclass adds to it."""
        own = {f.name: getattr(self, f.name) for f in fields(FineTune)}
        with suppress_unused_warnings():  # said when this one was built
            return FineTune(**own | ({} if epochs is None else {"epochs": epochs}))

    def fit(self, task: Task) -> Fitted:
        """Train the stages (from the last checkpoint in ``task.workdir``, if there is one), calibrate, describe.

        Amounts are learned in standard deviations from their mean.
        """
        self._check_problem(task)
        if task.problem.link != "identity":
            return self._fit(task)
        scale = Scale.of(task.train.y)
        return scale.undone(self._fit(scale.done(task)))

    def _fit(self, task: Task) -> Fitted:
        return self._conclude(*run_stages(self, task, self.stages(task), self.precision))

    def _check_problem(self, task: Task) -> None:
        """Raise ``InputError`` for settings that are for classes, where labels are none."""
        if isinstance(task.problem, Classes):
            return
        for name in ("label_smoothing", "mixup", "cutmix", "class_weights", "sampling"):
            if (value := getattr(self, name)) != getattr(type(self), name):
                said = task.problem.said()
                raise InputError(f"{name}={value} is for classes, and the labels here are {said}: leave it out.")

    def _conclude(self, outcome: Outcome[Trained], machine: Machine, start: float) -> Fitted:
        from transferium.training.preview import contact_of

        trained, trained_at = at_inference(outcome.result, self.answer_size, self.mirror), time.perf_counter()
        temperature = temperature_of(trained, machine)
        backbone, head = fitted_ends(trained, temperature)
        trained = replace(trained, notes=(*trained.notes, *notes_on_hidden(trained, machine)))
        return Fitted(
            method=self.name,
            backbone=backbone,
            head=head,
            selection=selection_of(trained, outcome.history, self.best_epoch),
            history=outcome.history,
            seconds={"train": trained_at - start, "calibrate": time.perf_counter() - trained_at},
            contact=contact_of(outcome.result.feeds, trained.parts.train),
        )

    def to_json(self) -> dict[str, Any]:
        from transferium.training.augment.augment import say_augment

        return super().to_json() | {"augment": say_augment(self.augment)}

    def stages(self, task: Task) -> Generator[Stage, None, Trained]:
        setup = cached_prefix(self, self.setup(task), self.unfreeze, self._needs_inputs())
        method, note = yield from settled(self, setup)
        trained = put_together((yield from method._tune(setup)))
        if not note:
            return trained
        return replace(trained, kept={**trained.kept, "lr": method.lr}, notes=(*trained.notes, note))

    def _needs_inputs(self) -> str:
        """Why the loss must see the inputs themselves, so that no prefix may be cached; empty where it need not."""
        return "mixup and CutMix mix the inputs themselves" if self.mixup or self.cutmix else ""

    def _start(self, task: Task) -> Backbone:
        """The backbone that training starts from."""
        return task.backbone

    def setup(self, task: Task) -> FineTuneSetup:
        """Everything that every stage needs: the examples, the model before its first step, and how data is read."""
        from transferium.methods.finetuning.setup import FineTuneSetup
        from transferium.training.distributed.sharding import Split
        from transferium.training.feeds.feeds import Feeds

        backbone, parts = self._start(task), hold_out(task, self.val_share)
        inference_backbone(backbone, self.answer_size, self.mirror)
        if "balanced" in (self.class_weights, self.sampling):
            parts = counted_alike(parts)
        feeds = Feeds(
            backbone.preprocess,
            augment=self._augmentation(task.train.kind),
            seed=task.seed,
            workers=self.workers,
            state=task.workdir,
        )
        model = self._model(task, backbone, parts)
        if (split := Split.asked()) is not None:
            split.place(model.backbone)
        return FineTuneSetup(task, backbone, parts, model, feeds)

    def _model(self, task: Task, backbone: Backbone, parts: HeldOut) -> Model:
        """The backbone and a new head."""
        from transferium.models.surgery.drop_path import set_drop_path
        from transferium.models.word_model import MODELS

        head = self._head(task, backbone, parts)
        body = backbone.build()
        set_drop_path(body, self.drop_path, backbone.name)
        return MODELS[backbone.output](body, head)

    def _head(self, task: Task, backbone: Backbone, parts: HeldOut) -> nn.Module:
        """A new head, which knows the size of the features it will read."""
        from transferium.models.heads.feature_dropout import drop_features

        head = self._new_head(backbone, task.problem.width)
        if backbone.pretrained and self.head == "scaled":
            head.look(every_row(task.embed(parts.train, backbone).features))
        drop_features(head, self.dropout)
        return head

    def _tune(self, setup: FineTuneSetup) -> Generator[Stage, None, Trained]:
        """The stages, and what they leave. The loss is built once, before the first, when what moves is known."""
        best = self._keep_best(setup)
        groups = self._groups(setup)
        yield self._stage(setup, groups, self._objective(setup), around=self._around(setup, best))
        return self._left(setup, best)

    def _left(self, setup: FineTuneSetup, best: KeepBest) -> Trained:
        """What the last stage leaves, and what was kept of it."""
        return Trained(setup.model, setup.backbone, setup.feeds, setup.parts, best.at_start, best.chosen(), best.said())

    def _keep_best(self, setup: FineTuneSetup, *, start: bool = False) -> KeepBest:
        from transferium.training.wrappers.keep_best import held_out_score

        score = held_out_score(setup.parts.held, setup.parts.weights)
        return self._scorer(score, setup.task.problem, start=start, swa_from=max(self.swa_from, self.warmup))

    def _objective(self, setup: FineTuneSetup) -> Objective:
        """What is minimised: the loss of mixtures, plus ``weight · term`` of what a method adds to it.

        A term of weight 0 is not even built. Terms see the inputs as they came, in another pass.
        """
        objective = mixed(self._loss(setup), setup.parts.train, self.mixup, self.cutmix)
        for weight, build in self._terms(setup):
            if weight:
                objective = objective + weight * build()
        return objective

    def _terms(self, setup: FineTuneSetup) -> Iterable[Term]:
        """What is added to the supervised loss: each weight with what builds its term."""
        return ()

    def _loss(self, setup: FineTuneSetup) -> Objective:
        """What mixup and CutMix give mixtures to: the supervised loss."""
        from transferium.objectives.supervised import Supervised

        y, problem = setup.parts.train.y, setup.task.problem
        weights = balanced_weights(y, problem.width) if self.class_weights == "balanced" else None
        return Supervised(
            "target",
            smoothing=self.label_smoothing,
            weights=problem.sizes(y),
            class_weights=weights,
            problem=problem,
        )

    def _around(self, setup: FineTuneSetup, best: KeepBest) -> list[Wrapper]:
        """What is put around the records of a stage: what scores and keeps, and what changes the network."""
        around: list[Wrapper] = [best] if best.average is None else [best.average, best]
        if self.schedule == "plateau":
            by = scored_by(self.best_epoch, setup.task.problem)
            around.append(self._plateau(by, is_lowered(by, setup.task.problem)))
        return [*around, *self._network_wrappers(setup)]

    def _network_wrappers(self, setup: FineTuneSetup) -> list[Wrapper]:
        """Wrappers that make another network of this one while it trains: a range test is of that one too."""
        return []

    def _groups(self, setup: FineTuneSetup) -> tuple[Group, ...]:
        """Freeze what ``unfreeze`` leaves out, and give the rest its rates."""
        from transferium.training.loop.freeze import freeze
        from transferium.training.loop.param_groups import layered_groups, plain_groups

        body, blocks = setup.model.backbone, setup.backbone.blocks
        freeze(body, blocks, self.unfreeze)
        moving = layered_groups(body, blocks, lr=float(self.lr), decay=self.layer_decay, weight_decay=self.weight_decay)
        return (*moving, *plain_groups(setup.model.head.parameters(), self.head_lr, self.weight_decay, "head"))

    def _own_rate(self) -> float:
        """The peak learning rate of what the objective owns: another head, a projector."""
        return self.head_lr

    def _whole_batches(self) -> bool:
        """Whether an epoch's last, smaller batch is left out."""
        return False

    def _streams(self, setup: FineTuneSetup) -> dict[str, Domain]:
        """What is read, by name; the first sets the length of an epoch."""
        return {"target": setup.parts.train}

    def _stage(
        self,
        setup: FineTuneSetup,
        groups: tuple[Group, ...],
        objective: Objective,
        *,
        around: Sequence[Wrapper],
        name: str = "train",
        epochs: int | None = None,
    ) -> Stage:
        from transferium.training.loop.stage import Stage

        backbone, n = setup.backbone, len(setup.parts.train)
        warn_of_batch(self.batch_size, n, type(self).batch_size)
        if self.compile:
            from transferium.training.loop.compiled import compile_forward

            compile_forward(setup.model.backbone)
        return Stage(
            model=setup.model,
            streams=self._streams(setup),
            objective=objective,
            groups=groups,
            feeds=setup.feeds,
            name=name,
            epochs=self.epochs if epochs is None else epochs,
            batch_size=min(self.batch_size, n),
            objective_lr=self._own_rate(),
            optimiser=self._optimiser(),
            schedule=replace(self._schedule(), hold=self.swa_from) if self.average == "swa" else self._schedule(),
            clip=self.clip,
            accumulate=self.accumulate,
            sampling=self.sampling,
            whole_batches=self._whole_batches(),
            keep_statistics=self.batch_norm == "kept",
            seed=setup.task.seed,
            about={
                "backbone": backbone.fingerprint,
                "preprocessing": "" if backbone.preprocess is None else backbone.preprocess.fingerprint(),
                "method": self.to_json(),
                "held out": fingerprint(setup.parts.held),
            },
            around=around,
        )
