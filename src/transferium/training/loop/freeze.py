"""Freezing parts of a model: its weights, its batch-norm statistics and its dropout together."""

from __future__ import annotations

import fnmatch

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from transferium.errors import InputError, did_you_mean
from transferium.models.peft.own_parameters import norm_parameters


def freeze(module: nn.Module, blocks: tuple[str, ...], unfreeze: str | int) -> None:
    """Let only part of a backbone move, by ``requires_grad``.

    ``unfreeze`` is ``"all"``, ``"none"``, the number of last blocks that move, ``"norm"`` (scales and shifts of the
    normalisation layers only), or names separated by commas: blocks, modules, parameters, or patterns such as
    ``blocks.5*``.

    >>> net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    >>> freeze(net, ("0", "1"), 1)
    >>> [name for name, p in net.named_parameters() if p.requires_grad]
    ['1.weight', '1.bias']
    """
    wanted = str(unfreeze).strip()
    moving = _all(module) if wanted == "all" else set() if wanted == "none" else _chosen(module, blocks, wanted)
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(name in moving and parameter.is_floating_point())


def _all(module: nn.Module) -> set[str]:
    return {name for name, _ in module.named_parameters()}


def _chosen(module: nn.Module, blocks: tuple[str, ...], wanted: str) -> set[str]:
    if wanted.lstrip("-").isdigit():
        return _last(module, blocks, int(wanted))
    if wanted == "norm":
        return _norms(module)
    moving: set[str] = set()
    for pattern in (p.strip() for p in wanted.split(",")):
        found = {n for n in _all(module) if inside(n, pattern) or fnmatch.fnmatchcase(n, pattern)}
        found |= {n for n in _all(module) for m in _ancestors(n) if fnmatch.fnmatchcase(m, pattern)}
        if not found:
            words = ["all", "none", "norm", *blocks, *(n for n, _ in module.named_modules() if n), *_all(module)]
            raise InputError(
                f"unfreeze={pattern!r} matches nothing in this backbone. {_nearest(pattern, words, blocks)}"
            )
        moving |= found
    return moving


def _nearest(pattern: str, words: list[str], blocks: tuple[str, ...]) -> str:
    return did_you_mean(pattern, words, f"Its blocks are {', '.join(blocks)}.")


def _ancestors(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:i]) for i in range(1, len(parts))]


def _last(module: nn.Module, blocks: tuple[str, ...], count: int) -> set[str]:
    if not 0 <= count <= len(blocks):
        raise InputError(
            f"unfreeze={count}: this backbone has {len(blocks)} blocks ({', '.join(blocks)}); "
            f"give a number from 0 to {len(blocks)}, or 'all'."
        )
    still = len(blocks) - count
    return {name for name in _all(module) if block_of(name, blocks) >= still}


def _norms(module: nn.Module) -> set[str]:
    moving = norm_parameters(module)
    if not moving:
        raise InputError("unfreeze='norm', but this backbone has no normalisation layer with parameters of its own.")
    return moving


def inside(parameter: str, block: str) -> bool:
    """Whether a dotted parameter name is, or lies under, a dotted block name; a part ``*`` of that is any one part.

    >>> inside("members.1.top.weight", "members.*.top"), inside("members.1.stem.top", "members.*.top")
    (True, False)
    """
    parts = block.split(".")
    own = parameter.split(".")[: len(parts)]
    return len(own) == len(parts) and all(asked in ("*", here) for asked, here in zip(parts, own, strict=True))


def block_of(parameter: str, blocks: tuple[str, ...]) -> int:
    """The number of the block that holds a parameter; what no block holds counts with the first, at the input."""
    return next((i for i, block in enumerate(blocks) if inside(parameter, block)), 0)


def split_modules(root: nn.Module, *, keep_statistics: bool = False) -> tuple[list[nn.Module], list[nn.Module]]:
    """The modules that train and those that must stay in eval mode because everything in them is frozen.

    A module without parameters (a dropout) follows what holds it; between siblings it is still while only frozen ones
    have come before it. With ``keep_statistics`` every batch normalisation is still: its scale and shift may move, the
    statistics it uses do not.
    """
    moving: list[nn.Module] = []
    still: list[nn.Module] = []

    def walk(module: nn.Module, frozen: bool) -> None:
        kept = keep_statistics and isinstance(module, _BatchNorm)
        (still if frozen or kept else moving).append(module)
        any_frozen = any_moving = False
        for child in module.children():
            parameters = list(child.parameters())
            trains = any(p.requires_grad for p in parameters)
            if parameters:
                child_frozen = not trains
                any_frozen, any_moving = any_frozen or child_frozen, any_moving or trains
            else:
                child_frozen = any_frozen and not any_moving
            walk(child, frozen or child_frozen)

    parameters = list(root.parameters())
    walk(root, bool(parameters) and not any(p.requires_grad for p in parameters))
    return moving, still


def has_batch_norm(modules: list[nn.Module]) -> bool:
    """Whether any of them normalises by the statistics of its batch."""
    return any(isinstance(m, _BatchNorm) for m in modules)
