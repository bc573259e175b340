"""The base class of every term of a loss: a function of a view. Terms combine with ``+`` and ``weight *``."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from transferium.errors import InputError
from transferium.models.model import Model
from transferium.training.loop.view import View

Weight = float | Callable[[float], float]


class Objective(nn.Module):
    """A named, differentiable function of a view: one term of a loss, or several.

    ``needs`` names the streams it reads and ``taps`` the modules that it reads activations of. Parameters it owns (a
    critic, a decoder) are trained with the model; its buffers are in checkpoints. It draws random numbers from
    torch's global generator only, which checkpoints hold as well. ``needs_inputs`` says that it changes the
    examples themselves, so that activations stored beforehand cannot stand in for them. ``splits`` says that it needs
    one pass of the model and reads none of its weights, so that the model may be split over processes.
    """

    needs: frozenset[str] = frozenset()
    taps: frozenset[str] = frozenset()
    needs_inputs: bool = False
    splits: bool = False

    def forward(self, view: View) -> dict[str, Tensor]:
        """Scalar terms by name; their sum is what the optimiser lowers."""
        raise NotImplementedError

    def after_step(self, model: Model) -> None:
        """Called once the optimiser has moved: for moving averages and memory banks."""

    def __add__(self, other: Objective) -> Objective:
        return Sum(self, other)

    def __rmul__(self, weight: Weight) -> Objective:
        return Weighted(weight, self)


class Sum(Objective):
    """All the terms of several objectives; two of them must not report one name."""

    def __init__(self, *parts: Objective) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.needs = frozenset().union(*(p.needs for p in parts))
        self.taps = frozenset().union(*(p.taps for p in parts))
        self.needs_inputs = any(p.needs_inputs for p in parts)
        self.splits = all(p.splits for p in parts)

    def forward(self, view: View) -> dict[str, Tensor]:
        terms: dict[str, Tensor] = {}
        for part in self.parts:
            new: dict[str, Tensor] = part(view)
            if clash := terms.keys() & new.keys():
                raise InputError(
                    f"two objectives of one sum both report {sorted(clash)}; give one of them another name."
                )
            terms |= new
        return terms

    def after_step(self, model: Model) -> None:
        for part in self.parts:
            assert isinstance(part, Objective)
            part.after_step(model)


class Weighted(Objective):
    """Every term of ``inner`` times a number, or times a function of the stage's progress (0 to 1)."""

    def __init__(self, weight: Weight, inner: Objective) -> None:
        super().__init__()
        self.weight, self.inner, self.needs, self.taps = weight, inner, inner.needs, inner.taps
        self.needs_inputs, self.splits = inner.needs_inputs, inner.splits

    def extra_repr(self) -> str:
        return f"weight={getattr(self.weight, '__name__', self.weight)}"

    def forward(self, view: View) -> dict[str, Tensor]:
        weight = self.weight(view.progress) if callable(self.weight) else self.weight
        return {name: weight * term for name, term in self.inner(view).items()}

    def after_step(self, model: Model) -> None:
        self.inner.after_step(model)
