"""The optimiser of a fine-tuning, how its rates rise and fall, and how its steps are computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from transferium.errors import InputError
from transferium.methods.settings.checks import BELOW_1
from transferium.methods.settings.field import setting
from transferium.methods.unused_settings import Rule, when
from transferium.training.loop.optimiser import OPTIMISERS, Optimiser
from transferium.training.loop.schedule import SCHEDULES, Schedule

if TYPE_CHECKING:
    from transferium.training.wrappers.plateau import Plateau


@dataclass
class Optimising:
    """The settings of the optimiser and of the schedule of its rates."""

    unused_rules: ClassVar[dict[str, Rule]] = {
        "momentum": when("optimiser", "sgd"),
        "gamma": when("schedule", "step", "exponential", "plateau"),
        "drops": when("schedule", "step"),
        "plateau_patience": when("schedule", "plateau"),
    }

    optimiser: str = setting("adamw", "adamw, adam, sgd, lion or muon", ("adamw", "sgd"), choices=OPTIMISERS)
    momentum: float = setting(0.9, "of SGD", (0.0, 0.99), BELOW_1)
    nesterov: bool = setting(False, "Nesterov momentum for SGD", (False, True))
    schedule: str = setting(
        "cosine",
        "how the rate falls: cosine, linear, constant, step, exponential, plateau, slanted or one-cycle",
        ("cosine", "linear", "constant", "one-cycle"),
        choices=tuple(SCHEDULES),
    )
    warmup: float = setting(0.1, "share of all steps over which the rate rises", (0.0, 0.3), BELOW_1)
    gamma: float = setting(
        0.1, "step, plateau: what a drop multiplies the rate by; exponential: its end", (0.01, 0.5), {"above": 0}
    )
    drops: int = setting(3, "step: how often the rate drops", (1, 5))
    plateau_patience: int = setting(2, "plateau: epochs without a better one before the rate drops", (1, 5))

    def check_optimising(self) -> None:
        """Raise ``InputError`` for an optimiser or a schedule that cannot be."""
        self._optimiser()
        if self.nesterov and self.optimiser != "sgd":
            raise InputError(f"nesterov is a kind of SGD, and the optimiser is {self.optimiser}: use optimiser=sgd.")
        self._schedule()
        if self.schedule == "plateau" and self.gamma >= 1:
            raise InputError(
                f"gamma must be below 1 with schedule=plateau, which lowers the rate; it was {self.gamma}."
            )

    def _optimiser(self) -> Optimiser:
        return Optimiser(self.optimiser, self.momentum, self.nesterov)

    def _schedule(self) -> Schedule:
        return Schedule(self.schedule, self.warmup, gamma=self.gamma, drops=self.drops)

    def _plateau(self, by: str, lowest: bool) -> Plateau:
        """What lowers the rate where the held-out score ``by`` no longer gets better."""
        from transferium.training.wrappers.plateau import Plateau

        return Plateau(f"val_{by}", lowest=lowest, gamma=self.gamma, patience=self.plateau_patience)


@dataclass
class MachineUse:
    """The settings of how steps are computed, and of how large one may be."""

    clip: float | None = setting(1.0, "largest gradient norm (none: no limit)", (0.1, 10.0), {"above": 0})
    accumulate: int = setting(1, "passes that one step's batch is split into, to save memory", bounds={"least": 1})
    precision: str = setting("auto", "auto, no, bf16 or fp16", ("auto", "no", "bf16", "fp16"))
    compile: bool = setting(False, "torch.compile the backbone: tens of seconds first, faster steps afterwards")
    workers: int = setting(0, "processes that prepare batches ahead of time", bounds={"least": 0})
