"""A module cut in two at a block: a prefix up to the block's input, and a suffix from there on."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from transferium.errors import InputError

TOLERANCE = 1e-4
"""Largest difference between the two halves and the whole, as a share of the features' root mean square."""

Inputs = tuple[Tensor, ...]


class CannotCutError(InputError):
    """The module does not come apart at this block."""


class _ReachedError(Exception):
    """Raised when the forward pass has reached the block, to end the pass there."""


class Cut:
    """``suffix(prefix(*inputs), *inputs[1:])`` is ``whole(*inputs)``.

    ``whole`` maps ``(images,)`` or ``(ids, mask)`` to features ``(n, width)``. ``prefix`` gives the one tensor that
    ``block`` is called with, ``(n, ...)`` and for texts ``(n, t, ...)`` (None: what the whole gives), and no gradient.
    ``suffix`` runs the module's own forward pass, in which everything that was finished before the block is replaced by
    stubs, and the block is given the stored tensor: whatever the code between the parts does, it does still. It
    *shares* its modules with ``whole``, under the same names: to train it is to train them.

    ``probes`` are batches of different sizes (and lengths) on which the two are compared. Raises ``CannotCutError``
    where more than one tensor crosses the cut, or the code around the blocks looks into what was taken out.

    >>> net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)).eval()
    >>> x = torch.ones(5, 4)
    >>> cut = Cut(net, "2", [(x,), (x[:1],)])
    >>> torch.equal(cut.suffix(cut.prefix(x)), net(x)), [name for name, _ in cut.suffix.named_parameters()]
    (True, ['0.gone', '2.weight', '2.bias'])
    """

    def __init__(self, whole: nn.Module, block: str | None, probes: Sequence[Inputs]) -> None:
        self.whole, self.block = whole.eval(), block
        first = probes[0]
        given = [self.prefix(*inputs) for inputs in probes]
        self.shape: tuple[int, ...] = tuple(given[0].shape[1:])
        if block is None:
            self.gone: tuple[nn.Module, ...] = (whole,)
            self.suffix: nn.Module = _Nothing(whole)
            return
        if any(len(i) > 1 and a.shape[1:2] != i[0].shape[1:] for a, i in zip(given, probes, strict=True)):
            raise CannotCutError(f"what {block} is called with has no row for each token")
        stubs, self.gone = self._stubs(block, first)
        self.suffix = self._rooted(stubs, first, block).eval()
        expected = [self._features(inputs) for inputs in probes]
        try:
            self._compare(probes, given, expected)
        except CannotCutError:
            self.held.solid = True  # code between the blocks may write into what they give
            self._compare(probes, given, expected)

    @torch.no_grad()
    def prefix(self, *inputs: Tensor) -> Tensor:
        """The activation at the cut, in eval mode."""
        if self.block is None:
            return self._features(inputs)
        seen: list[Any] = []

        def stop(_module: nn.Module, args: tuple[Any, ...]) -> None:
            seen.extend(args[:1])
            raise _ReachedError

        hook = self.whole.get_submodule(self.block).register_forward_pre_hook(stop)
        try:
            self.whole(*inputs)
        except _ReachedError:
            pass
        finally:
            hook.remove()
        if not seen or not isinstance(seen[0], Tensor) or seen[0].shape[:1] != inputs[0].shape[:1]:
            raise CannotCutError(f"what {self.block} is called with is not one tensor with a row for each example")
        return seen[0]

    def _stubs(self, block: str, first: Inputs) -> tuple[dict[str, _Stub], tuple[nn.Module, ...]]:
        """What is finished before the block, largest parts first, and what it was replaced by."""
        made = _finished_before(self.whole, block, first)
        held = self.held = _Held(self.shape[0] if len(first) > 1 else None)
        stubs: dict[str, _Stub] = {}
        gone: list[nn.Module] = []

        def walk(module: nn.Module, path: str) -> None:
            for name, child in module.named_children():
                full = f"{path}{name}"
                output = made.get(full)
                if isinstance(output, Tensor):
                    stubs[full] = _Stub(held, tuple(output.shape), frozen=any(True for _ in child.parameters()))
                    gone.append(child)
                elif full not in made:
                    walk(child, f"{full}.")
                elif any(True for _ in child.parameters()):
                    raise CannotCutError(f"{full} gives more than one tensor")

        walk(self.whole, "")
        return stubs, tuple(gone)

    def _rooted(self, stubs: dict[str, _Stub], first: Inputs, block: str) -> nn.Module:
        self.whole.get_submodule(block).register_forward_pre_hook(_Given(self.held))
        root = _without(self.whole, stubs, "")
        kind = type(self.whole)
        root.__class__ = type(kind.__name__, (_Suffix, kind), {"__module__": kind.__module__})
        assert isinstance(root, _Suffix)
        root.parts = _Parts(self.whole, self.held, tuple(first[0].shape[1:]), first[0].dtype)
        return root

    @torch.no_grad()
    def _features(self, inputs: Inputs) -> Tensor:
        features: Tensor = self.whole(*inputs)
        return features

    @torch.no_grad()
    def _compare(self, probes: Sequence[Inputs], given: Sequence[Tensor], expected: Sequence[Tensor]) -> None:
        for inputs, activation, features in zip(probes, given, expected, strict=True):
            try:
                found = self.suffix(activation.clone(), *inputs[1:])
            except Exception as error:  # whatever the module's own code raises when it misses a part
                reason = str(error).strip().splitlines()
                raise CannotCutError(
                    f"its own code does not run without what comes before {self.block} "
                    f"({type(error).__name__}: {reason[0] if reason else ''})"
                ) from error
            scale = float(features.float().square().mean().sqrt())
            if found.shape != features.shape or not float((found - features).abs().max()) <= TOLERANCE * scale:
                raise CannotCutError(f"more than what {self.block} is called with reaches the layers after it")


def whole_of(module: nn.Module) -> nn.Module:
    """The module that ``module`` is the suffix of, weights and all; any other module is its own whole."""
    if isinstance(module, _Nothing):
        return module.whole[0]
    return module.parts.whole if isinstance(module, _Suffix) else module


@dataclass
class _Held:
    """The activation of the pass under way, the probe's tokens, and whether stubs give memory of their own."""

    tokens: int | None
    solid: bool = False
    value: Tensor | None = field(default=None)

    def shaped(self, shape: tuple[int, ...]) -> Tensor:
        """Zeros in a shape that the probe had, for as many rows (and tokens) as there are now."""
        assert self.value is not None
        n = len(self.value)
        sides = [self.value.shape[1] if side == self.tokens else side for side in shape[1:]]
        return self.value.new_zeros(n, *sides) if self.solid else self.value.new_zeros(()).expand(n, *sides)


class _Stub(nn.Module):
    """A stub in the place of a finished part; an empty frozen parameter marks the part as frozen, not as empty."""

    def __init__(self, held: _Held, shape: tuple[int, ...], *, frozen: bool) -> None:
        super().__init__()
        self.held, self.shape = held, shape
        if frozen:
            self.gone = nn.Parameter(torch.empty(0), requires_grad=False)

    def forward(self, *_args: Any, **_named: Any) -> Tensor:
        return self.held.shaped(self.shape)


@dataclass
class _Given:
    """Puts the stored activation in the place of the block's first argument, while a suffix runs."""

    held: _Held

    def __call__(self, _module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        return None if self.held.value is None else (self.held.value, *args[1:])


@dataclass
class _Parts:
    """The data that a suffix needs beside its modules; not a module, so that the whole is no part of it."""

    whole: nn.Module
    held: _Held
    shape: tuple[int, ...]
    dtype: torch.dtype


class _Suffix(nn.Module):
    """A mixin that runs the forward pass of its class on inputs that are not used."""

    parts: _Parts

    def forward(self, activation: Tensor, *rest: Tensor) -> Tensor:
        parts, n = self.parts, len(activation)
        unread = (
            torch.zeros_like(rest[0], dtype=parts.dtype)
            if rest
            else torch.zeros((), dtype=parts.dtype, device=activation.device).expand(n, *parts.shape)
        )
        parts.held.value = activation
        try:
            features: Tensor = super().forward(unread, *rest)
            return features
        finally:
            parts.held.value = None


class _Nothing(nn.Module):
    """What is left where the cut lies after the last block."""

    def __init__(self, whole: nn.Module) -> None:
        super().__init__()
        self.whole = (whole,)

    def forward(self, features: Tensor) -> Tensor:
        return features


@torch.no_grad()
def _finished_before(whole: nn.Module, block: str, inputs: Inputs) -> dict[str, Any]:
    """Outputs, by name, of the modules whose every call ended before the block's only one began."""
    made: dict[str, Any] = {}
    entered = 0

    def enter(_module: nn.Module, _args: Any) -> None:
        nonlocal entered
        entered += 1

    hooks = [whole.get_submodule(block).register_forward_pre_hook(enter)]
    for name, module in whole.named_modules(remove_duplicate=False):

        def leave(_module: nn.Module, _args: Any, output: Any, name: str = name) -> None:
            made[name] = output if not entered else None
            if entered:
                late.add(name)

        hooks.append(module.register_forward_hook(leave))
    late: set[str] = set()
    try:
        whole(*inputs)
    finally:
        for hook in hooks:
            hook.remove()
    if entered != 1:
        raise CannotCutError(f"{block} is called {entered} times in one pass")
    return {name: output for name, output in made.items() if name not in late}


def _without(module: nn.Module, stubs: dict[str, _Stub], path: str) -> nn.Module:
    """A copy of what holds a stub; everything else is the same module."""
    if not any(name.startswith(path) for name in stubs):
        return module
    held = copy.copy(module)
    held._modules = dict(_children(module, stubs, path))
    return held


def _children(module: nn.Module, stubs: dict[str, _Stub], path: str) -> Iterator[tuple[str, nn.Module | None]]:
    for name, child in module._modules.items():
        full = f"{path}{name}"
        yield name, stubs[full] if full in stubs else None if child is None else _without(child, stubs, f"{full}.")
