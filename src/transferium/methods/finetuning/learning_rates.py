"""Which parts move, and how fast: checks of learning rates, and the choice of one where the user gives none."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

from transferium.errors import InputError, TransferiumWarning
from transferium.methods.settings.checks import RATE, SHARE
from transferium.methods.settings.field import setting
from transferium.methods.unused_settings import Rule

if TYPE_CHECKING:
    from transferium.methods.finetuning.setup import FineTuneSetup
    from transferium.training.loop.objective import Objective
    from transferium.training.loop.param_groups import Group
    from transferium.training.loop.stage import Stage
    from transferium.training.loop.wrapper import Wrapper
    from transferium.training.wrappers.range_test import RangeTest


class RateSettings(Protocol):
    """A method of fine-tuning, as far as its learning rates are concerned."""

    lr: float | str
    head_lr: float
    optimiser: str
    epochs: int
    unfreeze: int | str

    def to_json(self) -> dict[str, Any]: ...

    def _groups(self, setup: FineTuneSetup) -> tuple[Group, ...]: ...

    def _objective(self, setup: FineTuneSetup) -> Objective: ...

    def _network_wrappers(self, setup: FineTuneSetup) -> list[Wrapper]: ...

    def _stage(
        self,
        setup: FineTuneSetup,
        groups: tuple[Group, ...],
        objective: Objective,
        *,
        around: Sequence[Wrapper],
        name: str,
    ) -> Stage: ...


M = TypeVar("M", bound=RateSettings)


def moves_backbone(m: Any) -> bool:
    """Whether a fine-tuning moves anything beside its head."""
    return str(m.unfreeze).strip() not in ("none", "0")


IF_IT_MOVES = Rule(
    "unfreeze", moves_backbone, "a backbone of which something moves, as with unfreeze=1 (the head has head_lr)"
)


@dataclass
class Moving:
    """The settings that say which part of a backbone moves."""

    unused_rules: ClassVar[dict[str, Rule]] = {"batch_norm": IF_IT_MOVES}

    unfreeze: int | str = setting(
        "all", "what moves beside the head: all, none, the number of last blocks, norm, or names with commas between"
    )
    batch_norm: str = setting(
        "kept", "statistics of batch norm: kept as pretrained, or those of each batch", ("kept", "batch")
    )


@dataclass
class Rates:
    """The settings of how long a fine-tuning is, and how far each of its steps goes."""

    unused_rules: ClassVar[dict[str, Rule]] = {
        "lr": IF_IT_MOVES._replace(counts=lambda m: m.lr == AUTO or moves_backbone(m)),
        "layer_decay": IF_IT_MOVES,
    }

    epochs: int = setting(8, "passes over the training examples", (1, 100))
    batch_size: int = setting(32, "examples per step, over all processes", (8, 256))
    lr: float | str = setting(
        1e-4, "peak learning rate of the last block, or auto: a range of rates is tested first", (1e-5, 1e-2), RATE
    )
    head_lr: float = setting(1e-3, "peak learning rate of the head", (1e-4, 1e-1), RATE)
    layer_decay: float = setting(0.8, "each block learns at this times the rate of the one above it", (0.5, 1.0), SHARE)
    weight_decay: float = setting(0.01, "pull towards zero; biases and norms are left out", (0.0, 0.3))


AUTO = "auto"
STAGE = "range test"
_ABSURD = {"adamw": 0.1, "adam": 0.1, "muon": 0.1, "lion": 0.03, "sgd": 10.0}
_HARDLY = 1e-7
"""The rate at which a range test begins; below it, hundreds of steps hardly change the weights."""


def check_rates(method: RateSettings) -> None:
    """Raise ``InputError`` for a rate that trains nothing; warn of one far above, or far below, what works."""
    for name in ("lr", "head_lr"):
        rate = getattr(method, name)
        if name == "lr" and rate == AUTO:
            continue
        if isinstance(rate, str):
            raise InputError(
                f"{name} is a number, as in {name}={default_rate(method, name)}"
                + (f", or {AUTO}, to have a range of rates tested" if name == "lr" else "")
                + f"; it was {rate!r}."
            )
        check_rate(
            name,
            rate,
            default_rate(method, name),
            method.optimiser,
            instead=f", and lr={AUTO} (--lr {AUTO}) tests a range of rates and takes one that works",
        )


def check_rate(name: str, rate: float, default: float, optimiser: str, *, instead: str = "") -> None:
    """As ``check_rates``, of one rate; ``instead`` ends the message with what else there is to do."""
    if not (rate > 0 and math.isfinite(rate)):
        raise InputError(f"{name}={rate} trains nothing: give a number above 0, as in {name}={default}{instead}.")
    if why := _absurd(rate, optimiser):
        words = f"{name}={rate} is {why}; the default is {default}{instead}."
        warnings.warn(words, TransferiumWarning, stacklevel=6)


def _absurd(rate: float, optimiser: str) -> str:
    """What is wrong with a rate that is legal and no use, in words."""
    if rate > _ABSURD[optimiser]:
        return f"far above what {optimiser} can use (its limit is about {_ABSURD[optimiser]})"
    return f"so low that hardly anything moves (useful rates are above {_HARDLY})" if rate < _HARDLY else ""


def settled(method: M, setup: FineTuneSetup) -> Generator[Stage, None, tuple[M, str]]:
    """The method at a rate that is a number, and how that was found: by stages that test a range of rates, if asked.

    A useless rate gives a warning with the rate that a test suggests, but not on a part of a task (``task.part``).
    """
    if far_off(method) and not setup.task.part:
        yield from suggested_instead(method, setup)
    if method.lr != AUTO:
        return method, ""
    other, test = yield from tested(method, setup)
    return other, said(other, test)


def far_off(method: RateSettings) -> dict[str, float]:
    """The rates that are legal but no use, by name, without those that are not used."""
    read = {name: getattr(method, name) for name in ("lr", "head_lr") if name == "head_lr" or moves_backbone(method)}
    return {name: float(r) for name, r in read.items() if r != AUTO and _absurd(float(r), method.optimiser)}


def suggested_instead(method: RateSettings, setup: FineTuneSetup) -> Generator[Stage, None, None]:
    """A range test beside rates that are :func:`far_off`, and a warning that says what it suggests."""
    usual = copy.copy(method)
    for name in (far := far_off(method)):
        setattr(usual, name, default_rate(method, name))
    found, test = yield from tested(usual, setup)
    given = " and ".join(f"{name}={rate:g}" for name, rate in far.items())
    instead = " and ".join(f"{name}={getattr(found, name):.3g}" for name in far)
    words = f"given {given}, a range test of {len(test.rates)} steps on this data suggests {instead} instead."
    warnings.warn(words, TransferiumWarning, stacklevel=2)


def default_rate(method: RateSettings, name: str = "lr") -> float:
    """The default of a rate."""
    return float(getattr(type(method), name))


def tested(method: M, setup: FineTuneSetup) -> Generator[Stage, None, tuple[M, RangeTest]]:
    """A stage that tests rates on the training part and changes nothing, then the method at the rate it suggests.

    It takes a fifth of the steps of the last stage, from 20 to 100, so that it is no great part of any job.
    The head's rate keeps its ratio to ``lr`` as by default; neither is above what the optimiser can use.
    """
    from transferium.functional.range_test import length_of_test, suggested_rate
    from transferium.training.wrappers.range_test import LOWEST, RISING, RangeTest

    test = RangeTest()
    low = at_rate(method, LOWEST)
    around = [test, *low._network_wrappers(setup)]
    stage = low._stage(setup, low._groups(setup), low._objective(setup), around=around, name=STAGE)
    steps = length_of_test(method.epochs * math.ceil(len(setup.parts.train) / stage.batch_size))
    about = {**stage.about, "method": method.to_json()}
    yield replace(stage, players=(), epochs=None, steps=steps, schedule=RISING, about=about, discarded=True)
    if not test.losses:
        raise InputError(
            "the range test saw no loss that is a number, even at the lowest rate: look for bad values in the data, or "
            f"give a rate, as in lr={default_rate(method)}."
        )
    limit = _ABSURD[method.optimiser] / max(1.0, at_rate(method, 1.0).head_lr)
    return at_rate(method, min(suggested_rate(test.rates, test.losses), limit)), test


def at_rate(method: M, rate: float) -> M:
    """The same method at a rate; the head's is as many times as large as it is by default."""
    other = copy.copy(method)
    other.lr, other.head_lr = rate, method.head_lr * (rate / default_rate(method))
    return other


def said(method: RateSettings, test: RangeTest) -> str:
    """The choice as a sentence."""
    from transferium.functional.range_test import RULE

    return (
        f"lr = {method.lr:.3g} and head_lr = {method.head_lr:.3g} by a range test of {len(test.rates)} steps on what "
        f"is trained on, from {test.rates[0]:.1g} to {test.rates[-1]:.2g}: {RULE}, and no more than "
        f"{method.optimiser} can use"
    )
