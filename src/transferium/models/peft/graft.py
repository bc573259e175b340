"""Grafts: small trainable parts inside the layers of a network. What was there keeps its names and its weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import torch
from torch import Tensor, nn

from transferium.errors import InputError

NAME = "adapter"
"""What a part is called inside its layer, as in ``encoder.layer.0.output.dense.adapter.down.weight``."""
_GRAFTED = "_grafted_on"


class Part(nn.Module):
    """What is put into a layer, and answers together with it."""

    def answer(self, plain: Callable[..., Any], layer: nn.Module, *inputs: Any, **named: Any) -> Any:
        """What the layer gives now; ``plain(layer, *inputs, **named)`` is what it would give without this part."""
        return plain(layer, *inputs, **named)

    def enter(self, layer: nn.Module) -> None:
        """Change what else must change in a layer that gets this part."""

    def leave(self, layer: nn.Module) -> None:
        """Undo :meth:`enter`."""


class Update(Part):
    """A part that amounts to another weight (and bias), so that it can be merged into the layer.

    Whoever reads ``layer.weight`` sees the updated one; ``answer`` may be a cheaper way to the same numbers.
    """

    def __init__(self) -> None:
        super().__init__()
        self.merged = False

    def merge(self, layer: nn.Module) -> None:
        """Write the update into the layer, which answers alone from now on."""
        self._write(layer, self.updated, self.updated_bias)
        self.merged = True

    def unmerge(self, layer: nn.Module) -> None:
        """Take the update out of the layer again."""
        self._write(layer, self.original, self.original_bias)
        self.merged = False

    @staticmethod
    @torch.no_grad()
    def _write(layer: nn.Module, weight: Callable[[Tensor], Tensor], bias: Callable[[Tensor], Tensor]) -> None:
        held(layer, "weight").copy_(weight(held(layer, "weight")))
        if held(layer, "bias") is not None:
            held(layer, "bias").copy_(bias(held(layer, "bias")))

    def updated(self, weight: Tensor) -> Tensor:
        """The weight that the layer has with this part."""
        raise NotImplementedError

    def original(self, weight: Tensor) -> Tensor:
        """The weight whose updated one is ``weight``."""
        raise NotImplementedError

    def updated_bias(self, bias: Tensor) -> Tensor:
        return bias

    def original_bias(self, bias: Tensor) -> Tensor:
        return bias


def graft(layer: nn.Module, part: Part) -> None:
    """Put ``part`` into ``layer``, whose parameters keep their names; raises ``InputError`` where there is one already.

    >>> layer = nn.Linear(2, 2)
    >>> graft(layer, Part())
    >>> [name for name, _ in grafts(nn.Sequential(layer))], isinstance(layer, nn.Linear)
    (['0'], True)
    """
    if hasattr(layer, NAME):
        raise InputError(
            f"a layer of this backbone ({type(layer).__name__}) has an adapter already, which cannot be merged into "
            "its weights: start from the backbone that it was made for."
        )
    plain = type(layer)
    part.to(next((p.device for p in layer.parameters()), None))
    layer.add_module(NAME, part)
    members: dict[str, Any] = {"forward": _answering(plain), _GRAFTED: plain, "__module__": plain.__module__}
    if isinstance(part, Update):
        members |= {"weight": property(_weight), "bias": property(_bias)}
    layer.__class__ = type(plain.__name__, (plain,), members)
    part.enter(layer)


def grafts(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The layers of ``module`` that hold a part, by name."""
    return ((name, layer) for name, layer in list(module.named_modules()) if hasattr(type(layer), _GRAFTED))


def parts(module: nn.Module) -> Iterator[Part]:
    """The parts in the layers of ``module``."""
    return (part_of(layer) for _, layer in grafts(module))


def part_of(layer: nn.Module) -> Part:
    """The part that a layer holds."""
    part = layer.get_submodule(NAME)
    assert isinstance(part, Part)
    return part


def remove(layer: nn.Module) -> None:
    """Take the part out of a layer; a deep copy of it keeps its own."""
    part_of(layer).leave(layer)
    layer.__class__ = getattr(type(layer), _GRAFTED)
    delattr(layer, NAME)


def takes_update(layer: nn.Module) -> bool:
    """Whether an :class:`Update` can go into a layer: it holds its weight itself, in floating point.

    A weight that is made of others whenever it is read (``torch.nn.utils.parametrizations``) is held by none.
    """
    weight = layer._parameters.get("weight")
    return weight is not None and weight.is_floating_point()


def held(layer: nn.Module, name: str) -> Any:
    """The parameter that a layer itself holds, whatever a part makes of it."""
    return layer._parameters[name]


def _answering(plain: type[nn.Module]) -> Callable[..., Any]:
    @wraps(plain.forward)  # an exporter reads which inputs there are
    def forward(layer: nn.Module, *inputs: Any, **named: Any) -> Any:
        return part_of(layer).answer(plain.forward, layer, *inputs, **named)

    return forward


def _weight(layer: nn.Module) -> Tensor:
    weight: Tensor = held(layer, "weight")
    return weight if _as_held(layer, weight) else _update(layer).updated(weight)


def _bias(layer: nn.Module) -> Tensor | None:
    bias: Tensor | None = held(layer, "bias")
    return bias if bias is None or _as_held(layer, bias) else _update(layer).updated_bias(bias)


def _update(layer: nn.Module) -> Update:
    part = part_of(layer)
    assert isinstance(part, Update)
    return part


def _as_held(layer: nn.Module, tensor: Tensor) -> bool:
    """Whether a parameter is merged already, or is split over processes, which look for it by its name."""
    return _update(layer).merged or hasattr(tensor, "device_mesh")
