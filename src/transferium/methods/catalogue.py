"""Methods by name. Looking one up imports that method alone: the probe needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, cast

from transferium.errors import InputError, did_you_mean
from transferium.methods.base import Method
from transferium.methods.settings import configure

METHODS = {
    "auto": "auto.Auto",
    "probe": "probe.LinearProbe",
    "finetune": "finetune.FineTune",
    "lp-ft": "lpft.LPFT",
    "gradual": "gradual.GradualUnfreeze",
    "l2-sp": "l2sp.L2SPTuning",
    "l2": "l2sp.L2Tuning",
    "delta": "delta.DELTA",
    "lwf": "lwf.LwF",
    "bss": "bss.BSS",
    "adversarial": "adversarial.Adversarial",
    "co-tuning": "co_tuning.CoTuning",
    "bi-tuning": "bi_tuning.BiTuning",
    "stochnorm": "stochnorm.StochNorm",
    "scratch": "scratch.FromScratch",
    "ncm": "ncm.NearestClassMean",
    "cosine": "cosine.CosineClassifier",
    "knn": "knn.NearestNeighbours",
    "frozen-sgd": "recipes.FrozenSGD",
    "frozen-dense": "recipes.FrozenDense",
    "all-adam": "recipes.AllAdam",
    "all-adamw": "recipes.AllAdamW",
    "prototypes": "prototypes.Prototypes",
    "source-only": "source_only.SourceOnly",
    "source-network": "network.SourceNetwork",
    "pooled": "few.Pooled",
    "mcd": "players.MCD",
    "adda": "players.ADDA",
    "vada": "players.VADA",
    "can": "self_training.CAN",
    "pseudo-label": "self_training.PseudoLabel",
    "noisy-student": "self_training.NoisyStudent",
    "fixmatch": "self_training.FixMatchTraining",
    "mean-teacher": "self_training.SelfEnsembling",
    "shot": "source_free.SHOT",
    "adabn": "source_free.AdaBN",
    "tent": "source_free.TENT",
    "standardise": "alignment.Standardise",
    "coral": "alignment.CORAL",
    "subspace": "alignment.Subspace",
    "tca": "alignment.TCA",
    "jda": "alignment.JDA",
    "bda": "alignment.BDA",
    "ot": "alignment.OT",
    "linear-map": "alignment.LinearMap",
    "kmm": "reweighting.KMM",
    "density-ratio": "reweighting.DensityRatio",
    "label-shift": "label_shift.LabelShift",
    "bbse": "label_shift.BBSE",
    "em": "label_shift.EM",
    "tradaboost": "tradaboost.TrAdaBoost",
    "dan": "statistics.DAN",
    "jan": "statistics.JAN",
    "deep-coral": "statistics.DeepCORAL",
    "afn": "statistics.AFN",
    "bnm": "statistics.BNM",
    "mcc": "statistics.MCC",
    "infomax": "statistics.InfoMax",
    "dann": "critics.DANN",
    "bsp": "critics.BSP",
    "cdan": "critics.CDAN",
    "cdan-e": "critics.CDANE",
    "mdd": "critics.MDD",
}
"""Name on the command line: module and class below ``transferium.methods``."""


def method_class(name: str) -> type[Method]:
    """The class behind a name; raises ``InputError`` with the nearest name for one there is not."""
    if name not in METHODS:
        raise InputError(f"there is no method {name!r}. {did_you_mean(name, METHODS)}")
    module, _, cls = METHODS[name].partition(".")
    return cast("type[Method]", getattr(import_module(f"transferium.methods.{module}"), cls))


def find_method(method: str | Method, settings: Mapping[str, Any]) -> Method:
    """A method object from a name and settings; an object is taken as it is, and then takes no settings.

    >>> find_method("probe", {"folds": "3"}).folds
    3
    """
    if isinstance(method, Method):
        if settings:
            raise InputError(
                f"settings {sorted(settings)} were given beside a {type(method).__name__} object; set them on it."
            )
        return method
    return configure(method_class(method), settings)


def describe_methods() -> list[dict[str, Any]]:
    """Name, first sentence of the docstring and settings of every method."""
    return [
        {"name": name, "summary": (cls.__doc__ or "").strip().splitlines()[0], "settings": cls.settings()}
        for name in METHODS
        for cls in (method_class(name),)
    ]
