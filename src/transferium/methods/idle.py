"""Settings that change nothing beside the others that were given."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from transferium.errors import TransferiumWarning

if TYPE_CHECKING:
    from transferium.methods.base import Method


class IdleSettingWarning(TransferiumWarning):
    """A setting was given a value of its own, and nothing reads it."""


class Rule(NamedTuple):
    """Whether a setting counts, which other setting decides that, and what makes it count."""

    by: str
    counts: Callable[[Any], bool]
    hint: str


def _scheduled(*names: str) -> Rule:
    return Rule("schedule", lambda m: m.schedule in names, f"schedule={' or '.join(names)}")


def _averaged(name: str) -> Rule:
    return Rule("average", lambda m: m.average == name, f"average={name}")


def moves_backbone(m: Any) -> bool:
    """Whether a fine-tuning moves anything beside its head."""
    return str(m.unfreeze).strip() not in ("none", "0")


def _caches(m: Any) -> bool:
    return m.cache != "off" and str(m.unfreeze).strip() != "all"


def _stops(m: Any) -> bool:
    return m.patience is None or m.patience < max(m.epochs, getattr(m, "epochs_per_stage", 0))


_MOVING = "a backbone of which something moves, as with unfreeze=1 (the head has head_lr)"
_CACHED = "a cached prefix: first blocks that unfreeze leaves frozen, and cache=auto or on"

RULES = {
    "gamma": _scheduled("step", "exponential", "plateau"),
    "drops": _scheduled("step"),
    "drop_every": _scheduled("step"),
    "plateau_patience": _scheduled("plateau"),
    "ema_decay": _averaged("ema"),
    "swa_from": _averaged("swa"),
    "soup_size": _averaged("soup"),
    "momentum": Rule("optimiser", lambda m: m.optimiser == "sgd", "optimiser=sgd"),
    "activation": Rule("hidden", lambda m: m.hidden is not None, "hidden layers, as with hidden=256"),
    "patience": Rule("epochs", _stops, "more epochs than that"),
    "lr": Rule("unfreeze", lambda m: m.lr == "auto" or moves_backbone(m), _MOVING),
    "layer_decay": Rule("unfreeze", moves_backbone, _MOVING),
    "drop_path": Rule("unfreeze", moves_backbone, _MOVING),
    "batch_norm": Rule("unfreeze", moves_backbone, _MOVING),
    "cache_limit": Rule("unfreeze", _caches, _CACHED),
    "cache_precision": Rule("unfreeze", _caches, _CACHED),
    "steps": Rule("attack", lambda m: m.attack == "pgd" and m.share > 0, "attack=pgd and a share above 0"),
    "temperature": Rule("keep", lambda m: getattr(m, "keep", "") != "features", "keep=answers"),
}
"""By setting of a fine-tuning."""


def _tuning(*names: str) -> Rule:
    return Rule("tuning", lambda m: m.tuning in names, f"tuning={' or '.join(names)}")


def _grows(m: Any) -> bool:
    from transferium.methods.network import AdaptedNetwork

    return type(m)._term is not AdaptedNetwork._term


OF_NETWORKS = {
    "growth": Rule("", _grows, "a method whose term is there from the first step on, such as mcc or dann"),
    "backbone_lr": _tuning("partial", "full"),
    "layer_decay": _tuning("partial", "full"),
    "unfreeze": _tuning("partial"),
    "rank": _tuning("lora"),
    "alpha": _tuning("lora"),
    "augment": _tuning("partial", "full", "lora"),
}
"""By setting of a network that adapts, and of an election among such."""

OF_SOURCE_NETWORK = {
    "weight": Rule("", lambda m: m.weight == 0 or m.statistics == "each", "statistics=each, or a method that adapts")
} | OF_NETWORKS


def warn_of_idle(method: Method, searched: Collection[str] = (), rules: Mapping[str, Rule] = RULES) -> None:
    """Warn of each setting that is not at its default and has no effect, unless what decides that is ``searched``."""
    for name, value in method.get_params().items():
        rule = rules.get(name)
        if rule is None or value == getattr(type(method), name) or rule.by in searched or rule.counts(method):
            continue
        warnings.warn(
            f"{name}={value} has no effect here: it counts with {rule.hint}.", IdleSettingWarning, stacklevel=5
        )


OF_THE_SOURCE = ("epochs", "bottleneck", "growth", "sources")
"""Settings of a network by which it is trained on a source alone."""


def warn_if_trained(method: Any, few: bool) -> None:
    """Warn of each setting that trains on a source, where a finished model stands for the source.

    The labels of a few target examples are smoothed too, and low-rank updates learn at ``lr`` in both halves.
    """
    smoothed = () if few else ("label_smoothing",)
    rate = () if method.name == "shot" and method.tuning == "lora" else ("lr",)
    for name in (*OF_THE_SOURCE, *smoothed, *rate):
        if (value := getattr(method, name)) != getattr(type(method), name):
            words = f"{name}={value} has no effect here: it is for training on a source, and the model is trained."
            warnings.warn(words, IdleSettingWarning, stacklevel=5)


BESIDE = {"sources": "several sources", "few_weight": "labelled target examples (--few)"}
"""Settings that count with data that may not be there, and what that is."""


def warn_beside(method: Method, *, several: bool, few: bool) -> None:
    """Warn of what is for ``several`` sources, or for a ``few`` labelled target examples, where there are none."""
    there = {"sources": several, "few_weight": few}
    for name, value in method.get_params().items():
        if there.get(name, True) or value == getattr(type(method), name):
            continue
        words = f"{name}={value} has no effect here: it counts with {BESIDE[name]}."
        warnings.warn(words, IdleSettingWarning, stacklevel=4)


@contextmanager
def unheard() -> Iterator[None]:
    """Say nothing of idle settings: a search gave them, or has yet to."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IdleSettingWarning)
        yield
