"""The options of ``fit``, and the settings among them that become a method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from transferium.errors import InputError, did_you_mean
from transferium.methods.catalogue import METHODS, find_method, method_class
from transferium.methods.method import Method
from transferium.methods.settings.parse import configure, split_settings
from transferium.models.modality import MODALITIES

COMPARED = ("zero-shot", "ncm", "knn", "probe", "setfit", "lora", "bitfit", "finetune")
"""The methods that draws of a few labels compare where none are named: those of them that there are."""
PRETRAIN = "pretrain."
"""What settings of the pretraining that a fit begins with are called before their names."""
OF_BACKBONE = tuple(dict.fromkeys(row.setting for row in MODALITIES.values()))
"""Settings of what a backbone reads, not of a method."""


@dataclass(frozen=True)
class FitOptions:
    """The options of ``fit``, without the data; ``backbone_settings`` are ``size`` and ``max_length``, if given."""

    out: Path
    method: Method
    backbone: Any = None
    backbone_settings: Mapping[str, int] = field(default_factory=dict)
    seed: int = 0
    test_size: float = 0.25
    strict: bool = False
    budget_s: float | None = None
    command: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    track: tuple[str, ...] = ()
    map: str = "pca"
    """How the report draws two domains on one map: pca or tsne."""
    forget_data: bool = False
    """Whether the saved model keeps no hashes of what it learned from."""
    shots: int | None = None
    """How many examples of each class are learned from, where not all are."""
    draws: int = 1
    """How often they are drawn anew, to compare methods."""
    compared: tuple[Method, ...] = ()
    """The methods that are compared over the draws."""


def parse_settings(method: str | Method, settings: Mapping[str, Any] | None) -> tuple[Method, dict[str, int]]:
    """The method of that name with its ``settings``, and those of the backbone apart.

    >>> parse_settings("probe", {"folds": "3", "size": "64"})[1]
    {'size': 64}
    """
    rest = dict(settings or {})
    of_backbone = backbone_settings(rest)
    return find_method(method, rest), of_backbone


def asked_methods(options: Mapping[str, Any], settings: Mapping[str, Any]) -> tuple[Method, list[Method]]:
    """The method whose model the run keeps, and with ``--shots`` those that are compared.

    ``--method`` may then name several, of which each has the ``settings`` that it knows; the run keeps the model of the
    first. ``auto`` compares ``COMPARED``. Raises ``InputError`` for a setting that none of them has.
    """
    names = [name.strip() for name in options["method"].split(",")] if options.get("shots") else [options["method"]]
    several = len(names) > 1 or options.get("draws") is not None
    compared = [] if not several else [n for n in COMPARED if n in METHODS] if names == ["auto"] else names
    own = {name: {f.name for f in fields(method_class(name))} for name in (names[0], *compared)}
    if not compared:
        return find_method(names[0], settings), []
    for setting in settings:
        if not any(setting in has for has in own.values()):
            nearest = did_you_mean(setting, sorted(set().union(*own.values())))
            raise InputError(f"none of the methods {', '.join(own)} has a setting {setting!r}. {nearest}")
    built = {n: configure(method_class(n), {k: v for k, v in settings.items() if k in has}) for n, has in own.items()}
    return built[names[0]], [built[name] for name in compared]


def backbone_settings(settings: dict[str, Any]) -> dict[str, int]:
    """Take ``size`` and ``max_length``, which belong to the backbone, out of ``settings``."""
    taken: dict[str, int] = {}
    for name in OF_BACKBONE:
        if name in settings:
            value = settings.pop(name)
            try:
                taken[name] = int(value)
            except ValueError as error:
                raise InputError(f"setting {name} takes a whole number; it was given {value!r}.") from error
    return taken


def pretraining_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Take those of a pretraining, as in ``pretrain.epochs``, out of ``settings``; by their own names.

    >>> pretraining_settings({"epochs": "3", "pretrain.epochs": "5"})
    {'epochs': '5'}
    """
    found = [name for name in settings if name.startswith(PRETRAIN)]
    return {name.removeprefix(PRETRAIN): settings.pop(name) for name in found}


def named_settings(options: Mapping[str, Any]) -> dict[str, str]:
    """``--set`` by name, with ``--lr`` and ``--labels`` as the settings that they are short for.

    Raises ``InputError`` where one of these was given in both ways.
    """
    settings = split_settings(tuple(options.get("settings", ())))
    if options.get("labels") is not None:
        if "labels" in settings:
            raise InputError("--labels is short for --set labels, and both were given: leave one of them out.")
        settings["labels"] = str(options["labels"])
    lr = options.get("lr")
    if lr is None:
        return settings
    if "lr" in settings:
        raise InputError("--lr is short for --set lr, and both were given: leave one of them out.")
    return settings | {"lr": lr.strip()}
