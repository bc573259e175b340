"""Gradual unfreezing: one block more at each stage."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from transferium.errors import InputError
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.finetuning.trained import Trained
from transferium.methods.settings.field import setting

if TYPE_CHECKING:
    from torch import nn

    from transferium.methods.finetuning.setup import FineTuneSetup
    from transferium.training.loop.param_groups import Group
    from transferium.training.loop.stage import Stage

Step = tuple[str, "list[nn.Parameter]"]


@dataclass
class GradualUnfreeze(FineTune):
    """Train the head alone, then one block more at each stage, from the output down.

    Each stage lasts ``epochs_per_stage``; the last, where everything that ``unfreeze`` names moves, ``epochs``. Every
    block learns at 1/2.6 of the rate of the one above it, and each stage's rate is a slanted triangle, with a new
    optimiser. A block is not disturbed before what reads it has learned to use it: prefer it to ``finetune`` with few
    labels and a deep backbone, above all of texts; ``lp-ft`` costs less. The best epoch of all stages is kept, and
    each stage starts from the best so far (with ``best_epoch="last"``, from where the one before it ended). With many
    blocks, raise ``blocks_per_stage``.
    Howard & Ruder, "Universal language model fine-tuning for text classification" (2018); as in its authors' program,
    the first stage moves the head only.

    >>> GradualUnfreeze(unfreeze=3, epochs_per_stage=2, epochs=4).schedule
    'slanted'
    """

    name: ClassVar[str] = "gradual"

    epochs: int = setting(4, "passes over the training examples in the last stage, where all moves", (1, 100))
    lr: float | str = setting(4e-4, "peak learning rate of the last block, or auto", (1e-5, 1e-2))
    layer_decay: float = setting(1 / 2.6, "each block learns at this times the rate of the one above it", (0.25, 1.0))
    schedule: str = setting("slanted", "how the rate moves in each stage; see finetune", ("slanted", "cosine"))
    epochs_per_stage: int = setting(1, "passes over the training examples in each stage but the last", (1, 5))
    blocks_per_stage: int = setting(1, "how many blocks more each stage moves", (1, 4))

    def check(self) -> None:
        """As for ``finetune``; each stage keeps one epoch's weights."""
        super().check()
        if self.average == "soup":
            raise InputError(
                "gradual starts each stage from the best epoch so far, and average='soup' makes something else of the "
                "epochs of one stage: take average='ema' or 'swa', or finetune."
            )

    def _tune(self, setup: FineTuneSetup) -> Generator[Stage, None, Trained]:
        groups = self._groups(setup)
        objective = self._objective(setup)
        steps = self._steps(setup)
        for _, params in steps:
            _let_move(params, False)
        for number, (name, params) in enumerate(steps):
            _let_move(params, True)
            best = self._keep_best(setup, start=number > 0)
            yield self._stage(
                setup,
                _moving(groups),
                objective,
                around=self._around(setup, best),
                name=name,
                epochs=self.epochs if number == len(steps) - 1 else self.epochs_per_stage,
            )
        # Every stage but the first begins by scoring what the one before it kept, which is among the looks already.
        return replace(self._left(setup, best), at_start={})

    def _steps(self, setup: FineTuneSetup) -> list[Step]:
        """What begins to move at each stage, of all that ``unfreeze`` names: the head, then blocks from the top."""
        from transferium.training.loop.freeze import block_of

        blocks = setup.backbone.blocks
        by_block: dict[int, list[nn.Parameter]] = {}
        for name, parameter in setup.model.backbone.named_parameters():
            if parameter.requires_grad:
                by_block.setdefault(block_of(name, blocks), []).append(parameter)
        opened = sorted(by_block, reverse=True)
        head = list(setup.model.head.parameters())
        steps: list[Step] = [("head", head)] if head else []
        for start in range(0, len(opened), self.blocks_per_stage):
            chunk = opened[start : start + self.blocks_per_stage]
            lowest = blocks[chunk[-1]] if blocks else "the input"
            steps.append((f"down to {lowest}", [p for number in chunk for p in by_block[number]]))
        return steps


def _let_move(params: list[nn.Parameter], moves: bool) -> None:
    for parameter in params:
        parameter.requires_grad_(moves)


def _moving(groups: tuple[Group, ...]) -> tuple[Group, ...]:
    """The groups without what is frozen."""
    kept = (replace(g, params=tuple(p for p in g.params if p.requires_grad)) for g in groups)
    return tuple(g for g in kept if g.params)
