"""Settings of adapted networks that have no effect beside the others that were given."""

from __future__ import annotations

import warnings
from typing import Any

from transferium.methods.unused_settings import Rule, UnusedSettingWarning, when
from transferium.models.adapter import ADAPTER_KINDS

OF_NETWORKS = {
    "growth": Rule(
        "",
        lambda m: m.has_term,
        "a method whose term is there from the first step on, such as mcc or dann",
    ),
    "backbone_lr": when("tuning", "partial", "full"),
    "layer_decay": when("tuning", "partial", "full"),
    "unfreeze": when("tuning", "partial"),
    "rank": when("tuning", "lora", "dora"),
    "alpha": when("tuning", "lora", "dora"),
    "augment": Rule("tuning", lambda m: m.tuning != "frozen", "a backbone that moves, as with tuning=full"),
}
"""The rules of a network that adapts, and of an election among such networks, by setting."""


OF_THE_SOURCE = ("epochs", "bottleneck", "growth", "sources")
"""Settings that are only used to train a network on a source."""


def warn_if_trained(method: Any, few: bool) -> None:
    """Warn of each setting that trains on a source, where a finished model stands for the source.

    The labels of a few target examples are smoothed too, and adapters learn at ``lr`` in both halves.
    """
    smoothed = () if few else ("label_smoothing",)
    rate = () if method.name == "shot" and method.tuning in ADAPTER_KINDS else ("lr",)
    for name in (*OF_THE_SOURCE, *smoothed, *rate):
        if (value := getattr(method, name)) != getattr(type(method), name):
            words = f"{name}={value} has no effect here: it is for training on a source, and the model is trained."
            warnings.warn(words, UnusedSettingWarning, stacklevel=5)
