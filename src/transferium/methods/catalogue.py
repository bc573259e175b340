"""Methods by name. Looking one up imports that method alone: the probe needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, cast

from transferium.errors import InputError, did_you_mean
from transferium.methods.method import Method
from transferium.methods.settings.parse import configure
from transferium.problems.problem import Problem
from transferium.system.extras import require_train

METHODS = {
    "auto": "model_selection.auto.Auto",
    "probe": "frozen.linear_probe.LinearProbe",
    "finetune": "finetuning.finetune.FineTune",
    "lp-ft": "finetuning.lp_ft.LPFT",
    "gradual": "finetuning.gradual.GradualUnfreeze",
    "l2-sp": "regularised.l2_sp.L2SPTuning",
    "l2": "regularised.l2_sp.L2Tuning",
    "delta": "regularised.delta.DELTA",
    "lwf": "regularised.lwf.LwF",
    "bss": "regularised.bss.BSS",
    "adversarial": "finetuning.adversarial_training.Adversarial",
    "co-tuning": "regularised.co_tuning.CoTuning",
    "bi-tuning": "regularised.bi_tuning.BiTuning",
    "stochnorm": "regularised.stoch_norm.StochNorm",
    "scratch": "finetuning.scratch.FromScratch",
    "ncm": "frozen.nearest_class_mean.NearestClassMean",
    "cosine": "frozen.cosine.CosineClassifier",
    "knn": "frozen.nearest_neighbours.NearestNeighbours",
    "frozen-sgd": "finetuning.recipes.FrozenSGD",
    "frozen-dense": "finetuning.recipes.FrozenDense",
    "all-adam": "finetuning.recipes.AllAdam",
    "all-adamw": "finetuning.recipes.AllAdamW",
    "prototypes": "shallow_adaptation.prototypes.Prototypes",
    "source-only": "frozen.source_only.SourceOnly",
    "source-network": "deep_adaptation.network.SourceNetwork",
    "pooled": "shallow_adaptation.labelled_target.Pooled",
    "mcd": "deep_adaptation.alternating.MCD",
    "adda": "deep_adaptation.alternating.ADDA",
    "vada": "deep_adaptation.alternating.VADA",
    "can": "deep_adaptation.self_training.CAN",
    "pseudo-label": "deep_adaptation.self_training.PseudoLabel",
    "noisy-student": "deep_adaptation.self_training.NoisyStudent",
    "fixmatch": "deep_adaptation.self_training.FixMatchTraining",
    "mean-teacher": "deep_adaptation.self_training.SelfEnsembling",
    "shot": "deep_adaptation.source_free.SHOT",
    "adabn": "deep_adaptation.source_free.AdaBN",
    "tent": "deep_adaptation.source_free.TENT",
    "standardise": "shallow_adaptation.alignment.Standardise",
    "coral": "shallow_adaptation.alignment.CORAL",
    "subspace": "shallow_adaptation.alignment.Subspace",
    "tca": "shallow_adaptation.alignment.TCA",
    "jda": "shallow_adaptation.alignment.JDA",
    "bda": "shallow_adaptation.alignment.BDA",
    "ot": "shallow_adaptation.alignment.OT",
    "linear-map": "shallow_adaptation.alignment.LinearMap",
    "kmm": "shallow_adaptation.reweighting.KMM",
    "density-ratio": "shallow_adaptation.reweighting.DensityRatio",
    "label-shift": "shallow_adaptation.label_shift.LabelShift",
    "bbse": "shallow_adaptation.label_shift.BBSE",
    "em": "shallow_adaptation.label_shift.EM",
    "tradaboost": "shallow_adaptation.tradaboost.TrAdaBoost",
    "dan": "deep_adaptation.discrepancy.DAN",
    "jan": "deep_adaptation.discrepancy.JAN",
    "deep-coral": "deep_adaptation.discrepancy.DeepCORAL",
    "afn": "deep_adaptation.discrepancy.AFN",
    "bnm": "deep_adaptation.prediction.BNM",
    "mcc": "deep_adaptation.prediction.MCC",
    "infomax": "deep_adaptation.prediction.InfoMax",
    "dann": "deep_adaptation.adversarial.DANN",
    "bsp": "deep_adaptation.adversarial.BSP",
    "cdan": "deep_adaptation.adversarial.CDAN",
    "cdan-e": "deep_adaptation.adversarial.CDANE",
    "mdd": "deep_adaptation.adversarial.MDD",
}
"""Name on the command line: module and class below ``transferium.methods``."""


def method_class(name: str) -> type[Method]:
    """The class behind a name; raises ``InputError`` with the nearest name for one there is not."""
    if name not in METHODS:
        raise InputError(f"there is no method {name!r}. {did_you_mean(name, METHODS)}")
    module, _, cls = METHODS[name].rpartition(".")
    return cast("type[Method]", getattr(import_module(f"transferium.methods.{module}"), cls))


def find_method(method: str | Method, settings: Mapping[str, Any]) -> Method:
    """A method object from a name and settings; an object is taken as it is, and then takes no settings.

    Raises ``MissingExtraError`` where the method trains a network and PyTorch is not installed.

    >>> find_method("probe", {"folds": "3"}).folds
    3
    """
    if isinstance(method, Method):
        if settings:
            raise InputError(
                f"settings {sorted(settings)} were given beside a {type(method).__name__} object; set them on it."
            )
        return method
    found = configure(method_class(method), settings)
    if found.trains:
        require_train(f"method {found.name!r} trains a network and")
    return found


def check_problem(method: Method, problem: Problem, data: str) -> None:
    """Raise ``InputError`` where ``method`` does not solve the problem that the labels of ``data`` pose."""
    if problem.kind in method.problems:
        return
    able = ", ".join(name for name in METHODS if problem.kind in method_class(name).problems)
    raise InputError(
        f"method {method.name!r} solves {' and '.join(method.problems)} alone, and the labels of {data!r} are "
        f"{problem.said()} ({problem.kind}). These can: {able}."
    )


def describe_methods() -> list[dict[str, Any]]:
    """Name, first sentence of the docstring and settings of every method."""
    return [
        {"name": name, "summary": (cls.__doc__ or "").strip().splitlines()[0], "settings": cls.settings()}
        for name in METHODS
        for cls in (method_class(name),)
    ]
