"""Settings of fine-tuning that have no effect beside the others that were given."""

from __future__ import annotations

from typing import Any

from transferium.methods.unused_settings import Rule


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
