"""Methods by name. Looking one up imports that method alone: the probe needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from inspect import cleandoc
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
    "lora": "peft.low_rank_tuning.LoRA",
    "dora": "peft.low_rank_tuning.DoRA",
    "ia3": "peft.few_parameters.IA3",
    "bitfit": "peft.few_parameters.BitFit",
    "adapter": "peft.bottleneck_tuning.BottleneckTuning",
    "prefix": "peft.prompt_tuning.PrefixTuning",
    "prompt": "peft.prompt_tuning.PromptTuning",
    "vpt": "peft.prompt_tuning.VisualPromptTuning",
    "detector": "detection.detector.Detector",
    "translate": "writing.translate.Translate",
    "ctc": "writing.ctc.CTC",
    "distil": "distillation.distil.Distil",
    "joint": "several_tasks.joint.Joint",
    "scratch": "finetuning.scratch.FromScratch",
    "ncm": "frozen.nearest_class_mean.NearestClassMean",
    "cosine": "frozen.cosine.CosineClassifier",
    "knn": "frozen.nearest_neighbours.NearestNeighbours",
    "zero-shot": "zero_shot.zero_shot.ZeroShot",
    "setfit": "few_shots.setfit.SetFit",
    "pet": "few_shots.pet.PET",
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
    "cgn": "deep_adaptation.alternating.CGN",
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
        nearest = did_you_mean(
            name, METHODS, "transferium methods lists them; --search WORD finds them by what they do."
        )
        raise InputError(f"there is no method {name!r}. {nearest}")
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


FAMILIES = {
    "model_selection": "Chooses for you",
    "frozen": "On frozen features: seconds, without torch",
    "finetuning": "Training the network",
    "regularised": "Training the network, held back by something of pretraining",
    "peft": "Training a small adapter of a frozen network",
    "detection": "Boxes around things in pictures",
    "writing": "Texts written: translations and transcripts",
    "distillation": "Making a network small",
    "several_tasks": "Several tasks at once (--label a --label b)",
    "zero_shot": "Without labels: examples against what the labels mean",
    "few_shots": "From a few labels a class, by training the network",
    "shallow_adaptation": "Adapting to a target without labels (--source), on frozen features",
    "deep_adaptation": "Adapting to a target without labels (--source), by training a network",
}
"""The room of a method: what its methods have in common."""


def describe_methods(*names: str) -> list[dict[str, Any]]:
    """Name, family, docstring, problems, needs and settings of the named methods, of all where none is named."""
    return [_describe(name, method_class(name)) for name in names or METHODS]


def _describe(name: str, cls: type[Method]) -> dict[str, Any]:
    summary, _, rest = (cls.__doc__ or "").replace("``", "").strip().partition("\n")
    needs = {"--source": cls.needs_target, "--few": cls.needs_few}
    return {
        "name": name,
        "family": FAMILIES[METHODS[name].partition(".")[0]],
        "summary": summary,
        "description": cleandoc(rest),
        "problems": list(cls.problems),
        "needs": [option for option, needed in needs.items() if needed],
        "settings": cls.settings(),
    }
