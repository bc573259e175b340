"""Move the pretrained weights: all of them, the last blocks, the norms, or the ones you name."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from transferium.data.fingerprint import fingerprint
from transferium.errors import InputError
from transferium.functional.class_shares import balanced_weights
from transferium.methods.finetuning.class_balance import check_balance, counted_alike
from transferium.methods.finetuning.heads import (
    ACTIVATIONS,
    check_head,
    check_on_features,
    fitted_ends,
    hidden_widths,
    new_head,
    notes_on_hidden,
)
from transferium.methods.finetuning.learning_rates import AUTO, check_rates, far_off, said, suggested_instead, tested
from transferium.methods.finetuning.prefix_cache import PrefixCache, put_together
from transferium.methods.finetuning.test_time import at_test_time, test_time_backbone
from transferium.methods.finetuning.trained import Trained, selection_of, temperature_of
from transferium.methods.finetuning.unused import RULES
from transferium.methods.finetuning.weight_averaging import check_average, check_kept, keep_best, scored_by
from transferium.methods.fitted import Fitted
from transferium.methods.holdout import HeldOut, hold_out
from transferium.methods.settings.checks import at_least, between, require_choice, warn_of_batch
from transferium.methods.settings.field import setting
from transferium.methods.staged import Staged
from transferium.methods.task import Task
from transferium.methods.unused_settings import warn_of_unused
from transferium.models.backbone import Backbone

if TYPE_CHECKING:
    from transferium.data.domain import Domain
    from transferium.methods.finetuning.setup import FineTuneSetup
    from transferium.models.model import Model
    from transferium.training.distributed.machine import Machine
    from transferium.training.loop.objective import Objective
    from transferium.training.loop.param_groups import Group
    from transferium.training.loop.schedule import Schedule
    from transferium.training.loop.stage import Stage
    from transferium.training.loop.wrapper import Wrapper
    from transferium.training.run import Outcome
    from transferium.training.wrappers.keep_best import KeepBest


AUGMENTS: dict[str, Any] = {
    "range": ("none", "light", "medium", "strong"),
    "help": "random changes to training examples: none, light, simple, medium, strong; for images also geometric, "
    "trivial, rand or single ones, as in crop+flip+erase; where a mirror image is something else, as with digits and "
    "writing: digits, or +no-flip at the end; auto: simple for images, none for texts",
}


@dataclass
class FineTune(Staged):
    """Train backbone and head together on the labelled examples, keeping the best epoch (``best_epoch``).

    ``min mean_i -log softmax(head(backbone(x_i)))[y_i]`` from the pretrained weights, by AdamW or SGD with a linear
    warm-up and a cosine. Prefer it to the probe where there are hundreds of labels a class or the inputs look unlike
    what the backbone was pretrained on; with few labels try ``lp-ft``. The input side is the backbone's own ``size``.
    A part of train (or the val part) is held out: it chooses the epoch and the temperature, and is not trained on.
    ``augment`` is a recipe (``training/recipe.py``) or, for texts, any function of a list of texts, such as a
    translation there and back, which is asked once a run (``training/rewritten.py``).
    Where the first blocks are frozen and see the same inputs in every epoch (``augment=none``, or ``views`` that are
    stored), they run once for each example and their activations are stored (``cache``).
    With ``class_weights`` or ``sampling`` balanced, all of this is for a world in which classes are equally common:
    what is held out counts each class alike, and its probabilities are meant so (``class_balance.py``).
    """

    name: ClassVar[str] = "finetune"
    searched: ClassVar[tuple[str, ...]] = ("lr", "head_lr", "layer_decay", "weight_decay", "epochs")

    epochs: int = setting(8, "passes over the training examples", (1, 100))
    batch_size: int = setting(32, "examples per step, over all processes", (8, 256))
    lr: float | str = setting(
        1e-4, "peak learning rate of the last block, or auto: a range of rates is tested first", (1e-5, 1e-2)
    )
    head_lr: float = setting(1e-3, "peak learning rate of the head", (1e-4, 1e-1))
    layer_decay: float = setting(0.8, "each block learns at this times the rate of the one above it", (0.5, 1.0))
    weight_decay: float = setting(0.01, "pull towards zero; biases and norms are left out", (0.0, 0.3))
    optimiser: str = setting("adamw", "adamw, adam, sgd, lion or muon", ("adamw", "sgd"))
    momentum: float = setting(0.9, "of SGD", (0.0, 0.99))
    nesterov: bool = setting(False, "Nesterov momentum for SGD", (False, True))
    schedule: str = setting(
        "cosine",
        "how the rate falls: cosine, linear, constant, step, exponential, plateau, slanted or one-cycle",
        ("cosine", "linear", "constant", "one-cycle"),
    )
    warmup: float = setting(0.1, "share of all steps over which the rate rises", (0.0, 0.3))
    gamma: float = setting(0.1, "step, plateau: what a drop multiplies the rate by; exponential: its end", (0.01, 0.5))
    drops: int = setting(3, "step: how often the rate drops", (1, 5))
    plateau_patience: int = setting(2, "plateau: epochs without a better one before the rate drops", (1, 5))
    unfreeze: int | str = setting(
        "all", "what moves beside the head: all, none, the number of last blocks, norm, or names with commas between"
    )
    batch_norm: str = setting(
        "kept", "statistics of batch norm: kept as pretrained, or those of each batch", ("kept", "batch")
    )
    head: str = setting(
        "scaled", "a new head's features: scaled to about 1, or linear (taken as they are)", ("scaled", "linear")
    )
    hidden: int | str | None = setting(None, "widths of hidden layers before the last linear one: 256 or 512,128")
    activation: str = setting("relu", "of hidden layers: relu, gelu, silu, elu or tanh", ACTIVATIONS)
    head_dropout: float = setting(0.0, "share of hidden units that each step leaves out", (0.0, 0.5))
    dropout: float = setting(0.0, "share of the features that each step hides from the head", (0.0, 0.7))
    drop_path: float = setting(
        0.0, "share of rows that skip the last residual block, less in blocks before it: stochastic depth", (0.0, 0.3)
    )
    augment: str | Callable[[list[str]], Sequence[str]] = field(default="auto", metadata=AUGMENTS)
    label_smoothing: float = setting(0.0, "share of each label spread over all classes", (0.0, 0.2))
    mixup: float = setting(0.0, "alpha of mixup (0: off): pairs of examples mixed with their labels", (0.0, 1.0))
    cutmix: float = setting(0.0, "alpha of CutMix (0: off); with mixup, a coin chooses for each batch", (0.0, 1.0))
    class_weights: str = setting(
        "none", "what a class counts in the loss: none (its examples) or balanced (all alike)", ("none", "balanced")
    )
    sampling: str = setting("shuffled", "what an epoch draws: shuffled (each example once) or balanced (classes alike)")
    patience: int | None = setting(None, "stop after this many epochs without a better one (none: never)", (2, 10))
    best_epoch: str = setting(
        "log_loss",
        "which epoch is kept: that of the best held-out log_loss or accuracy, or the last one",
        ("log_loss", "accuracy"),
    )
    average: str = setting(
        "none",
        "weights that are scored and kept: none (each epoch's), ema (moving average), swa (mean of the last epochs) or "
        "soup (of the best epochs)",
        ("none", "ema", "swa", "soup"),
    )
    ema_decay: float = setting(0.999, "how slowly the moving average forgets", (0.9, 0.9999))
    swa_from: float = setting(
        0.5,
        "share of the epochs after which swa holds the rate and takes the mean; not before the warm-up ends",
        (0.25, 0.9),
    )
    soup_size: int = setting(5, "best epochs that a soup may be made of; as many copies of the model are kept", (2, 10))
    val_share: float = setting(0.2, "share of train held out to choose the epoch, where there is no val part")
    clip: float | None = setting(1.0, "largest gradient norm (none: no limit)", (0.1, 10.0))
    accumulate: int = setting(1, "passes that one step's batch is split into, to save memory")
    precision: str = setting("auto", "auto, no, bf16 or fp16", ("auto", "no", "bf16", "fp16"))
    compile: bool = setting(False, "torch.compile the backbone: tens of seconds first, faster steps afterwards")
    workers: int = setting(0, "processes that prepare batches ahead of time")
    answer_size: int | None = setting(
        None,
        "side at which whole pictures are read once training is over (none: as in training), somewhat larger to make "
        "up for random crops, which show things larger than they are",
        bounds={"least": 1},
    )
    mirror: bool = setting(
        False,
        "answer by the mean over a picture and its mirror image, in twice the time; not for digits and writing",
    )
    cache: str = setting(
        "auto", "run the frozen first blocks once and store what they give: on, off, or auto (wherever that is valid)"
    )
    views: int = setting(0, "augmented views of each example that a cached prefix stores, read in turn (0: none)")
    cache_limit: str = setting("2GB", "most that a cached prefix may take, in memory and in the store")
    cache_precision: str = setting("half", "what a cached prefix is stored in: half (float16) or full (float32)")

    def check(self) -> None:
        """Raise ``InputError`` for what cannot work; warn of a rate far above what works, and of what has no effect."""
        from transferium.training.augment.augment import check_augment
        from transferium.training.loop.optimiser import Optimiser

        check_mixing(self.mixup, self.cutmix)
        check_balance(self.class_weights, self.sampling)
        check_average(self.average, self.ema_decay, self.swa_from, self.soup_size)
        self._prefix_cache()
        Optimiser(self.optimiser, self.momentum, self.nesterov)
        if self.nesterov and self.optimiser != "sgd":
            raise InputError(f"nesterov is a kind of SGD, and the optimiser is {self.optimiser}: use optimiser=sgd.")
        self._schedule()
        if self.schedule == "plateau":
            between("gamma", self.gamma, 0, 1, ends="()")
            if self.average == "swa":
                raise InputError(
                    "average=swa takes the mean of epochs at one rate, and schedule=plateau goes on lowering it: use "
                    "average=ema, or another schedule."
                )
        check_augment(self.augment)
        check_head(self.head, self.hidden, self.activation, self.head_dropout)
        require_choice("batch_norm", self.batch_norm, ("kept", "batch"))
        check_kept(self.best_epoch, self.average, self.patience)
        require_choice("precision", self.precision, ("auto", "no", "bf16", "fp16"))
        for name in ("epochs", "batch_size", "accumulate", "patience", "plateau_patience"):
            at_least(name, getattr(self, name), 1)
        at_least("workers", self.workers, 0)
        at_least("weight_decay", self.weight_decay, 0)
        between("layer_decay", self.layer_decay, 0, 1, ends="(]")
        between("val_share", self.val_share, 0, 0.5, ends="(]")
        between("dropout", self.dropout, 0, 1, ends="[)")
        between("drop_path", self.drop_path, 0, 1, ends="[)")
        between("label_smoothing", self.label_smoothing, 0, 1, ends="[)")
        if self.clip is not None and not self.clip > 0:
            raise InputError(f"clip is the largest gradient norm; it must be above 0, or none, and was {self.clip}.")
        check_rates(self)
        warn_of_unused(self, RULES)

    def machine_precision(self) -> str:
        return self.precision

    def _conclude(self, outcome: Outcome[Trained], machine: Machine, start: float) -> Fitted:
        from transferium.training.preview import contact_of

        trained, trained_at = at_test_time(outcome.result, self.answer_size, self.mirror), time.perf_counter()
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
        setup = self._setup(task)
        setup = self._prefix_cache().under(setup, self.unfreeze, self._needs_inputs())
        if far_off(self) and not task.part:
            yield from suggested_instead(self, setup)
        if self.lr != AUTO:
            return put_together((yield from self._tune(setup)))
        method, test = yield from tested(self, setup)
        trained = put_together((yield from method._tune(setup)))
        return replace(trained, kept={**trained.kept, "lr": method.lr}, notes=(*trained.notes, said(method, test)))

    def _prefix_cache(self) -> PrefixCache:
        return PrefixCache(self.cache, self.views, self.cache_limit, self.cache_precision)

    def _needs_inputs(self) -> str:
        """Why the loss must see the inputs themselves, so that no prefix may be cached; empty where it need not."""
        return "mixup and CutMix mix the inputs themselves" if self.mixup or self.cutmix else ""

    def _start(self, task: Task) -> Backbone:
        """The backbone that training starts from."""
        return task.backbone

    def _setup(self, task: Task) -> FineTuneSetup:
        """What every stage stands on: the examples, the model before its first step, and how data is read."""
        from transferium.methods.finetuning.setup import FineTuneSetup
        from transferium.training.distributed.sharding import Split
        from transferium.training.feeds.feeds import Feeds

        backbone, parts = self._start(task), hold_out(task, self.val_share)
        test_time_backbone(backbone, self.answer_size, self.mirror)
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

    def _augmentation(self, kind: str) -> str | Callable[[list[str]], Sequence[str]]:
        """What changes training examples of a kind of data."""
        return self.augment

    def _model(self, task: Task, backbone: Backbone, parts: HeldOut) -> Model:
        """The backbone and a new head, which knows the size of the features it will read."""
        from transferium.models.heads.feature_dropout import drop_features
        from transferium.models.model import Model
        from transferium.models.surgery.drop_path import set_drop_path

        check_on_features(backbone.kind, self.hidden, self.activation)
        widths = hidden_widths(self.hidden)
        head = new_head(backbone.width, task.classes, widths, self.activation, self.head_dropout)
        if backbone.pretrained and self.head == "scaled":
            head.look(task.embed(parts.train, backbone).features)
        drop_features(head, self.dropout)
        body = backbone.build()
        set_drop_path(body, self.drop_path, backbone.name)
        return Model(body, head)

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

        return keep_best(
            held_out_score(setup.parts.held, setup.parts.weights),
            by=self.best_epoch,
            start=start,
            patience=self.patience,
            average=self.average,
            ema_decay=self.ema_decay,
            swa_from=max(self.swa_from, self.warmup),
            soup_size=self.soup_size,
        )

    def _objective(self, setup: FineTuneSetup) -> Objective:
        """What is minimised: the loss of mixtures, and whatever a method adds to it."""
        return mixed(self._loss(setup), setup.parts.train, self.mixup, self.cutmix)

    def _loss(self, setup: FineTuneSetup) -> Objective:
        """What mixup and CutMix give mixtures to: the supervised loss."""
        from transferium.objectives.supervised import Supervised

        y, classes = setup.parts.train.y, setup.task.classes
        weights = balanced_weights(y, classes) if self.class_weights == "balanced" else None
        return Supervised("target", smoothing=self.label_smoothing, class_weights=weights)

    def _around(self, setup: FineTuneSetup, best: KeepBest) -> list[Wrapper]:
        """What is put around the records of a stage: what scores and keeps, and what changes the network."""
        around: list[Wrapper] = [best] if best.average is None else [best.average, best]
        if self.schedule == "plateau":
            from transferium.training.wrappers.plateau import Plateau

            by = scored_by(self.best_epoch)
            lowest = by == "log_loss"
            around.append(Plateau(f"val_{by}", lowest=lowest, gamma=self.gamma, patience=self.plateau_patience))
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

    def _schedule(self) -> Schedule:
        from transferium.training.loop.schedule import Schedule

        return Schedule(self.schedule, self.warmup, gamma=self.gamma, drops=self.drops)

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
        from transferium.training.loop.optimiser import Optimiser
        from transferium.training.loop.stage import Stage

        backbone, n = setup.backbone, len(setup.parts.train)
        warn_of_batch(self.batch_size, n, type(self).batch_size)
        if self.compile:
            from transferium.training.loop.compiled import compile_forward

            compile_forward(setup.model.backbone)
        return Stage(
            model=setup.model,
            streams={"target": setup.parts.train},
            objective=objective,
            groups=groups,
            feeds=setup.feeds,
            name=name,
            epochs=self.epochs if epochs is None else epochs,
            batch_size=min(self.batch_size, n),
            objective_lr=self._own_rate(),
            optimiser=Optimiser(self.optimiser, self.momentum, self.nesterov),
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


def check_mixing(mixup: float, cutmix: float) -> None:
    """Raise ``InputError`` for alphas there are no Beta distributions of."""
    for name, alpha in (("mixup", mixup), ("cutmix", cutmix)):
        if not (alpha >= 0 and math.isfinite(alpha)):
            raise InputError(f"{name} is the alpha of a Beta distribution, 0 (off) or more; it was {alpha}.")


def mixed(loss: Objective, train: Domain, mixup: float, cutmix: float) -> Objective:
    """``loss`` of mixtures of the target's rows, where an alpha is not 0; raises ``InputError`` for texts."""
    if not (mixup or cutmix):
        return loss
    from transferium.objectives.mixing import Mixed, check_mixable

    check_mixable(train.kind, cutmix)
    return Mixed(loss, "target", len(train.classes), mixup=mixup, cutmix=cutmix)
