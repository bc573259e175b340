"""Every method that adapts, beside the world it must solve, the accuracy it must reach there, and its knob."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from typing import Any

import numpy as np

from transferium.methods.catalogue import method_class
from transferium.methods.deep_adaptation.network import AdaptedNetwork, SourceNetwork
from transferium.methods.fitted import Fitted
from transferium.methods.frozen.source_only import SourceOnly
from transferium.methods.method import Method
from worlds import shifted

SHORT: dict[str, Any] = {"epochs": 30, "batch_size": 32, "bottleneck": 32, "lr": 0.01}

VARIANTS = ("linear", "rule", "pairs", "growth", "statistics")
"""Settings that make another method of it, rather than fit it to a small world."""


@dataclass(frozen=True)
class Case:
    """A method, the world it must solve, the accuracy it must reach there, and its knob."""

    name: str
    solves: str
    reach: float
    settings: tuple[tuple[str, Any], ...] = ()
    knob: str = "weight"

    @property
    def id(self) -> str:
        """The method and what was set beside it, as tests are named."""
        return " ".join([self.name, *(f"{k}={v}" for k, v in self.settings if k in VARIANTS)])

    def method(self, **change: Any) -> Method:
        cls = method_class(self.name)
        known = {f.name for f in fields(cls)}
        return cls(**{k: v for k, v in (SHORT | dict(self.settings) | change).items() if k in known})


CASES = [
    Case("dan", "SHORTCUT", 0.9),
    Case("dan", "SHORTCUT", 0.9, (("linear", True),)),
    Case("dan", "SHORTCUT", 0.9, (("growth", "fixed"),)),
    Case("jan", "SHORTCUT", 0.9),
    Case("deep-coral", "TURNED", 0.95),
    Case("afn", "TURNED", 0.9, (("weight", 0.5),)),
    Case("bnm", "TURNED", 0.95),
    Case("mcc", "SHIFTED", 0.95),
    Case("mcc", "SHIFTED", 0.95, (("growth", "fixed"),)),
    Case("infomax", "SHORTCUT", 0.95),
    Case("dann", "TURNED", 0.95),
    Case("dann", "TURNED", 0.95, (("growth", "fixed"),)),
    Case("dann", "SCALED", 0.97, (("statistics", "each"),)),
    Case("mcc", "FAR", 0.97, (("statistics", "each"),)),
    Case("bsp", "TURNED", 0.95),
    Case("cdan", "TURNED", 0.95),
    Case("cdan-e", "TURNED", 0.95),
    Case("mdd", "SHORTCUT", 0.9),
    Case("mcd", "TURNED", 0.95),
    Case("adda", "SHIFTED", 0.93, (("adapt_lr", 0.003), ("critic", 32))),
    Case("cgn", "TURNED", 0.9, (("critic", 32),)),
    Case("vada", "TURNED", 0.95),
    Case("can", "SHORTCUT", 0.95),
    Case("pseudo-label", "SHIFTED", 0.93),
    Case("pseudo-label", "TURNED", 0.9, (("rule", "fixed"),)),
    Case("pseudo-label", "SHIFTED", 0.93, (("rule", "flex"),)),
    Case("noisy-student", "TURNED", 0.9),
    Case("fixmatch", "TURNED", 0.97),
    Case("mean-teacher", "TURNED", 0.9, (("decay", 0.9),)),
    Case("shot", "SHIFTED", 0.95, (("adapt_lr", 0.003),)),
    Case("adabn", "FAR", 0.97),
    Case("tent", "FAR", 0.97),
    Case("standardise", "SCALED", 0.97, knob="strength"),
    Case("coral", "SCALED", 0.97, knob="strength"),
    Case("subspace", "TURNED", 0.97, (("dimensions", 1),), knob="strength"),
    Case("tca", "SHORTCUT", 0.97, (("dimensions", 2),), knob="strength"),
    Case("jda", "SHORTCUT", 0.97, (("dimensions", 2),), knob="strength"),
    Case("bda", "TURNED", 0.97, (("dimensions", 2),), knob="strength"),
    Case("ot", "SHIFTED", 0.95, knob="strength"),
    Case("linear-map", "SHIFTED", 0.97, knob="strength"),
    Case("linear-map", "SHIFTED", 0.97, (("pairs", "prototypes"),), knob="strength"),
    Case("prototypes", "TURNED", 0.97, knob=""),
    Case("kmm", "COVARIATE", 0.7, knob="strength"),
    Case("density-ratio", "COVARIATE", 0.7, knob="strength"),
    Case("label-shift", "RARE", 0.93, (("estimate", "em"),), knob="strength"),
    Case("bbse", "RARE", 0.93, knob="strength"),
    Case("em", "RARE", 0.93, knob="strength"),
]


@cache
def fitted(case: Case, world: str) -> Fitted:
    return case.method().adapt(getattr(shifted, world).task())


def alone(case: Case, world: str) -> Fitted:
    """Source only, by the same kind of model."""
    if issubclass(method_class(case.name), AdaptedNetwork):
        return network_alone(world, getattr(case.method(), "label_smoothing", 0.0))
    return probe_alone(world)


@cache
def network_alone(world: str, smoothing: float) -> Fitted:
    return SourceNetwork(**SHORT, label_smoothing=smoothing).fit(getattr(shifted, world).task().without_target())


@cache
def probe_alone(world: str) -> Fitted:
    return SourceOnly().fit(getattr(shifted, world).task().without_target())


def bits(model: Fitted) -> dict[str, bytes]:
    tensors = {name: t.tobytes() for name, t in model.head.to_tensors().items()}
    return tensors | {"temperature": np.float64(model.head.temperature).tobytes()}
