"""A stage under way: everything that changes while it trains. The only training loop is :func:`train`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from transferium.errors import InputError
from transferium.training.distributed.machine import Machine, own_random_numbers
from transferium.training.distributed.sharding import is_split, total_norm
from transferium.training.feeds.batch import Batch
from transferium.training.feeds.feeds import Slice, Steps
from transferium.training.feeds.order import Order
from transferium.training.loop.finite_guard import NORM, Guard
from transferium.training.loop.freeze import split_modules
from transferium.training.loop.stage import Player, Stage
from transferium.training.loop.view import View
from transferium.training.loop.wrapper import Record


class Episode:
    """The stage of that ``number`` on one machine: its optimisers, its position, its frozen and moving modules."""

    def __init__(self, stage: Stage, machine: Machine, number: int = 0) -> None:
        self.stage, self.machine, self.number, self.step = stage, machine, number, 0
        #: What a wrapper (a plateau, say) multiplies the schedule by; it sets this again after a resumption.
        self.lr_scale = 1.0
        if machine.split is not None:
            check_sharded(stage)
        for module in stage.modules:
            machine.place(module)
        self.optimisers = [machine.optimiser(stage.optimiser.build(p.groups)) for p in stage.players]
        split = [split_modules(m, keep_statistics=stage.keep_statistics) for m in stage.modules]
        self.moving = [m for moving, _ in split for m in moving]
        self.still = [m for _, still in split for m in still]
        self.guard = Guard(self.moving, machine, skips=stage.optimiser.skips)
        feeds = {name: stage.feeds.open(stage.streams[name], augmented=True) for name in stage.needs}
        self.orders = {
            name: Order(
                len(feed),
                stage.batch_size,
                stage.seed,
                smallest=self._smallest(),
                full=stage.whole_batches or len(feeds) > 1,
                lengths=feed.lengths,
                labels=stage.streams[name].labels if stage.sampling == "balanced" else None,
                stream=place,
                stage=number,
            )
            for place, (name, feed) in enumerate(feeds.items())
        }
        self.steps_per_epoch = next(iter(self.orders.values())).batches_per_epoch
        self.total = stage.steps if stage.steps is not None else (stage.epochs or 1) * self.steps_per_epoch
        self.slices = Steps(feeds, self.orders, machine.rank, machine.world)

    def _smallest(self) -> int:
        # Batch normalisation must see two rows in each pass of each process.
        return 2 * self.stage.accumulate * self.machine.world if self.stage.mixes_rows else 1

    @property
    def epoch_ended(self) -> bool:
        """Whether the step just taken was the last of an epoch, or of the stage."""
        return self.step % self.steps_per_epoch == 0 or self.step == self.total

    def set_modes(self) -> None:
        """Training mode for what moves, eval mode for what is frozen."""
        for module in self.moving:
            module.training = True
        for module in self.still:
            module.training = False

    def take_step(self, cut: Slice) -> Record:
        """Every player's turns on one slice; returns the terms as tensors."""
        stage = self.stage
        self.set_modes()
        factor = self.lr_scale * stage.schedule.factor(self.step, self.total)
        record: Record = {"step": self.step, "epoch": self.step // self.steps_per_epoch, "lr": 0.0}
        for player, optimiser in zip(stage.players, self.optimisers, strict=True):
            for group in optimiser.param_groups:
                group["lr"] = group["base_lr"] * factor
            record["lr"] = max(record["lr"], *(group["lr"] for group in optimiser.param_groups))
            for _ in range(player.turns):
                terms = self._turn(player, optimiser, cut)
            record |= terms
        self.machine.average(self.guard.buffers)
        self.guard.after_step(self.step)
        self.step += 1
        return record

    def _turn(self, player: Player, optimiser: Any, cut: Slice) -> dict[str, Tensor]:
        machine, params = self.machine, player.params
        optimiser.zero_grad(set_to_none=True)
        summed: dict[str, Tensor] = {}
        for view, part in self._views(player, cut):
            with machine.autocast():
                terms: dict[str, Tensor] = player.objective(view)
            weight = part * cut.share
            machine.backward(weight * torch.stack([t.float() for t in terms.values()]).sum(), params)
            for name, term in terms.items():
                summed[name] = summed.get(name, 0) + weight * term.detach()
        # Once a turn, whatever the number of passes: processes may differ in that.
        self.guard.check(self.step, summed, optimiser)
        machine.average([p.grad for p in params if p.grad is not None])
        norm = machine.clip(optimiser, params, self.stage.clip)
        if machine.scaler is None:
            self.guard.check(self.step, {NORM: norm}, optimiser, self._blame(player, cut, summed))
        optimiser.step()
        player.objective.after_step(self.stage.model)
        return summed

    def _blame(self, player: Player, cut: Slice, terms: Mapping[str, Tensor]) -> Callable[[], str]:
        """A phrase about a gradient that is not finite: the terms it comes from, or else all terms of the sum.

        Single terms can be tested only while the batch and the whole weights are still there.
        """

        def summed() -> str:
            return ", of the sum of " + ", ".join(f"{name!r} ({float(v):.3g})" for name, v in terms.items())

        def asked() -> str:
            bad = [repr(name) for name in self._suspects(player, cut)]
            return f": the gradient of {' and of '.join(bad)} is not finite" if bad else summed()

        return asked if self.guard.immediate and self.machine.split is None else summed

    @torch.enable_grad()
    def _suspects(self, player: Player, cut: Slice) -> list[str]:
        """The terms whose own gradients are not finite, by one pass back for each."""
        found: dict[str, None] = {}
        with own_random_numbers():
            for view, part in self._views(player, cut):
                with self.machine.autocast():
                    terms: dict[str, Tensor] = player.objective(view)
                for name, term in terms.items():
                    if term.requires_grad:
                        loss = part * cut.share * term.float()
                        given = torch.autograd.grad(loss, player.params, retain_graph=True, allow_unused=True)
                        if not torch.isfinite(total_norm([g for g in given if g is not None])):
                            found[name] = None
        return list(found)

    def _views(self, player: Player, cut: Slice) -> Iterator[tuple[View, float]]:
        """One view for each pass, with the share of the rows it holds."""
        stage = self.stage
        count = stage.accumulate
        split = {name: list(batch.pieces(count)) for name, batch in cut.batches.items()}
        rows = len(next(iter(cut.batches.values())))
        for i in range(count):
            here = len(next(iter(split.values()))[i])
            # Where the model is split every process makes every pass: one without rows looks at others, for nothing.
            at = i if here else 0
            batches: dict[str, Batch] = {name: pieces[at].to(self.machine.device) for name, pieces in split.items()}
            if here or self.machine.split is not None:
                taps = player.objective.taps
                progress = self.step / self.total
                yield View(stage.model, batches, progress=progress, joint=stage.joint, taps=taps), here / rows


def train(episode: Episode) -> Iterator[Record]:
    """Take one step per ``next`` and yield its record: step, epoch, learning rate and terms.

    Terms are tensors on the device (this process's part of them); :class:`History` converts them in blocks.
    Stop iterating to stop training. The model is left in eval mode.
    """
    try:
        for cut in episode.slices.between(episode.step, episode.total, episode.stage.feeds.workers):
            yield episode.take_step(cut)
        episode.guard.settle()
    finally:
        for module in episode.stage.modules:
            module.eval()


def check_sharded(stage: Stage) -> None:
    """Raise ``InputError`` for a stage with a model that is not split, or with a loss that needs whole weights."""
    backbone, least = stage.model.backbone, "launch with torchrun, or take finetune, lp-ft or gradual"
    if not all(is_split(p) for p in backbone.parameters()):
        raise InputError(f"the model of stage {stage.name!r} is not split as this launch asks for (FSDP): {least}.")
    if getattr(backbone, "_compiled_call_impl", None) is not None:
        raise InputError("a backbone split over processes (FSDP) is not compiled: leave compile out.")
    if len(stage.players) > 1 or len(stage.needs) > 1 or not all(p.objective.splits for p in stage.players):
        raise InputError(
            f"the loss of stage {stage.name!r} reads the weights or passes through the model several times, and "
            f"this launch splits them over processes (FSDP): {least}."
        )
    if not stage.optimiser.skips:
        raise InputError(
            f"optimiser={stage.optimiser.name} is not used on weights split over processes (FSDP): take adamw, "
            "adam or sgd, or launch with torchrun."
        )
