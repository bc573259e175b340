"""The ordered blocks of any module: what can be frozen, and given its own learning rate, from the input on."""

from __future__ import annotations

from torch import nn


def block_names(module: nn.Module) -> tuple[str, ...]:
    """Dotted names in forward order that together hold every parameter exactly once.

    Chains (``Sequential``, ``ModuleList``) are opened into their links; a module around a chain is opened too. Forward
    order is the order of registration. Parameters held by an opened module itself come first, under their own names.

    >>> block_names(nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)))
    ('0', '2')
    """
    return tuple(_open(module, ""))


def _open(module: nn.Module, prefix: str) -> list[str]:
    names = [prefix + name for name, _ in module.named_parameters(recurse=False)]
    for name, child in module.named_children():
        if not _holds_parameters(child):
            continue
        if _is_chain(child):
            names += [f"{prefix}{name}.{link}" for link, part in child.named_children() if _holds_parameters(part)]
        elif any(_is_chain(part) for part in child.modules()) and not _is_chain(module):
            names += _open(child, f"{prefix}{name}.")
        else:
            names.append(prefix + name)
    return names


def _holds_parameters(module: nn.Module) -> bool:
    return next(module.parameters(), None) is not None


def _is_chain(module: nn.Module) -> bool:
    if not isinstance(module, nn.Sequential | nn.ModuleList):
        return False
    links = [part for part in module.children() if _holds_parameters(part)]
    own = next(module.parameters(recurse=False), None)
    return len(links) > 1 and own is None
