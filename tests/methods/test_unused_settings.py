"""A setting that nothing reads is said, with what would make it count."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from transferium.methods.catalogue import METHODS, find_method, method_class
from transferium.methods.deep_adaptation.network import SourceNetwork
from transferium.methods.finetuning.adversarial_training import Adversarial
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.finetuning.gradual import GradualUnfreeze
from transferium.methods.finetuning.recipes import FrozenDense, FrozenSGD
from transferium.methods.model_selection.search import Tuned
from transferium.methods.regularised.lwf import LwF
from transferium.methods.unused_settings import UnusedSettingWarning, rules_of, warn_of_unused

ROWS: list[tuple[type[FineTune], dict[str, Any], dict[str, Any], str]] = [
    (FineTune, {"gamma": 0.5}, {"schedule": "exponential"}, "schedule=step or exponential or plateau"),
    (FineTune, {"drops": 4}, {"schedule": "step"}, "schedule=step"),
    (FrozenSGD, {"drop_every": 3, "schedule": "constant"}, {"schedule": "step"}, "schedule=step"),
    (FineTune, {"plateau_patience": 3}, {"schedule": "plateau"}, "schedule=plateau"),
    (FineTune, {"ema_decay": 0.9}, {"average": "ema"}, "average=ema"),
    (FineTune, {"swa_from": 0.3}, {"average": "swa"}, "average=swa"),
    (FineTune, {"soup_size": 3}, {"average": "soup"}, "average=soup"),
    (FineTune, {"momentum": 0.5}, {"optimiser": "sgd"}, "optimiser=sgd"),
    (FineTune, {"activation": "gelu"}, {"hidden": 8}, "hidden=256"),
    (FineTune, {"patience": 8}, {"epochs": 9}, "more epochs"),
    (GradualUnfreeze, {"patience": 4}, {"epochs_per_stage": 5}, "more epochs"),
    (FrozenDense, {"lr": 0.01}, {"unfreeze": 1}, "unfreeze=1"),
    (FineTune, {"layer_decay": 0.5, "unfreeze": 0}, {"unfreeze": "norm"}, "unfreeze=1"),
    (FineTune, {"drop_path": 0.1, "unfreeze": "none"}, {"unfreeze": 1}, "unfreeze=1"),
    (FineTune, {"batch_norm": "batch", "unfreeze": "none"}, {"unfreeze": 1}, "unfreeze=1"),
    (FineTune, {"cache_limit": "1GB"}, {"unfreeze": 1}, "a cached prefix"),
    (FineTune, {"cache_precision": "full", "cache": "off", "unfreeze": 1}, {"cache": "auto"}, "a cached prefix"),
    (Adversarial, {"steps": 3}, {"attack": "pgd"}, "attack=pgd"),
    (Adversarial, {"steps": 3, "share": 0.0, "attack": "pgd"}, {"share": 0.5}, "a share above 0"),
    (LwF, {"temperature": 3.0, "keep": "features"}, {"keep": "auto"}, "keep=answers"),
]


@pytest.mark.parametrize(("method", "idle", "cure", "hint"), ROWS, ids=[f"{r[0].name} {r[1]}" for r in ROWS])
def test_it_is_said_and_the_hint_is_a_cure(
    method: type[FineTune], idle: dict[str, Any], cure: dict[str, Any], hint: str
) -> None:
    name = next(iter(idle))
    with pytest.warns(UnusedSettingWarning) as said:
        method(**idle)
    assert len(said) == 1
    assert str(said[0].message).startswith(f"{name}={idle[name]} has no effect here: it counts with ")
    assert hint in str(said[0].message)
    method(**(idle | cure))  # any warning is an error


def test_every_rule_has_a_row_and_a_method() -> None:
    assert {next(iter(idle)) for _, idle, _, _ in ROWS} == {rule for method, *_ in ROWS for rule in rules_of(method)}


@pytest.mark.parametrize("name", METHODS)
def test_defaults_are_never_idle(name: str) -> None:
    assert method_class(name)().name


NETWORK_ROWS: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    *(
        (name, {"growth": "fixed"}, {"growth": "ramp"}, "such as mcc or dann")
        for name in ("shot", "tent", "adabn", "mcd", "adda", "can", "pseudo-label", "noisy-student", "source-network")
    ),
    ("source-network", {"weight": 3.0}, {"statistics": "each"}, "statistics=each"),
    ("mcc", {"backbone_lr": 1e-3}, {"tuning": "partial"}, "tuning=partial or full"),
    ("mcc", {"layer_decay": 0.5, "tuning": "lora"}, {"tuning": "full"}, "tuning=partial or full"),
    ("mcc", {"unfreeze": 3, "tuning": "full"}, {"tuning": "partial"}, "tuning=partial."),
    ("mcc", {"rank": 4}, {"tuning": "lora"}, "tuning=lora or dora."),
    ("mcc", {"alpha": 8.0, "tuning": "full"}, {"tuning": "dora"}, "tuning=lora or dora."),
    ("mcc", {"augment": "light"}, {"tuning": "lora"}, "a backbone that moves, as with tuning=full."),
    ("auto", {"unfreeze": 3}, {"tuning": "partial"}, "tuning=partial."),
    ("auto", {"augment": "light"}, {"tuning": "full"}, "a backbone that moves, as with tuning=full."),
]


@pytest.mark.parametrize(("name", "idle", "cure", "hint"), NETWORK_ROWS)
def test_it_is_said_of_what_adapts(name: str, idle: dict[str, Any], cure: dict[str, Any], hint: str) -> None:
    setting = next(iter(idle))
    with pytest.warns(UnusedSettingWarning) as said:
        find_method(name, idle)
    assert len(said) == 1
    assert str(said[0].message).startswith(f"{setting}={idle[setting]} has no effect here: it counts with ")
    assert hint in str(said[0].message)
    find_method(name, idle | cure)  # any warning is an error


def test_every_rule_of_networks_has_a_row_and_what_is_read_is_not_warned_of() -> None:
    assert {next(iter(idle)) for _, idle, _, _ in NETWORK_ROWS} == rules_of(SourceNetwork).keys()
    for name in ("mcc", "dann", "bsp", "vada", "mdd", "fixmatch", "mean-teacher", "infomax", "afn"):
        find_method(name, {"growth": "fixed"})
    find_method("source-network", {"weight": 0.0})
    assert find_method("mcc", {"growth": "fixed", "tuning": "full"}).source_only().name == "source-network"


def test_a_default_given_in_words_is_a_default() -> None:
    find_method("finetune", {"momentum": "0.9", "gamma": "0.1", "patience": "none"})
    FineTune(lr="auto", unfreeze="none")  # the head's rate follows it


def test_auto_says_it_once() -> None:
    with pytest.warns(UnusedSettingWarning, match="unfreeze=3 has no effect"):
        method = find_method("auto", {"tuning": "lora", "unfreeze": 3})
    assert method.source_only().get_params()["unfreeze"] == 3  # and no other warning, which would be an error


def test_a_search_is_warned_once_of_what_is_fixed_in_vain() -> None:
    with pytest.warns(UnusedSettingWarning, match="momentum=0.5 has no effect") as said:
        Tuned(fixed={"momentum": 0.5, "patience": 10}, search=("lr", "epochs"))
    assert len(said) == 1, "the epochs are searched, so that patience may come to count"
    tuned = Tuned(fixed={"momentum": 0.5}, search=("optimiser=sgd,adamw",))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trial = tuned._made_of({"momentum": 0.5, "optimiser": "adamw"})
    assert isinstance(trial, FineTune)
    with pytest.warns(UnusedSettingWarning, match="momentum=0.5"):
        warn_of_unused(trial)
