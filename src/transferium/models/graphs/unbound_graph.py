"""A graph without weights, and how they are bound to it when it is opened: no export, no torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import nn

Tensors = dict[str, NDArray[Any]]
"""Arrays by name, in the order in which the file holds them."""
GRAPHS = Path(__file__).parent
"""Where the graphs of this package lie."""


@dataclass(frozen=True)
class UnboundGraph:
    """An ONNX file of this package whose initialisers lie outside of it, for images of any side or texts of any length.

    ``tensors()`` reads the weights, named as in the file that they come in; ``fold(tensors)`` makes the initialisers
    from them, by name; ``draw(tensors, seed)`` replaces them by random ones of the same shapes; ``load(tensors)`` is
    the torch module that holds them, for training. Beside ``file`` lies a ``.safetensors`` file with inputs and, under
    the name ``answers``, the features that torch gave for them: for the pretrained weights and random ones of seed 0.
    Without ``answers`` there are none, and the graph is only run.
    """

    file: Path
    tensors: Callable[[], Tensors]
    fold: Callable[[Tensors], Tensors]
    draw: Callable[[Tensors, int], Tensors]
    load: Callable[[Tensors], nn.Module]
    answers: str = "pretrained"

    def initialisers(self) -> Tensors:
        """What is bound to the graph: 0.05 s for 3 million weights, most of it to read them."""
        return self.fold(self.tensors())

    def build(self) -> nn.Module:
        """The torch module with the same weights."""
        return self.load(self.tensors()).eval()

    def random(self, seed: int) -> UnboundGraph:
        """The same graph with random weights; ``build`` gives those very weights as well."""
        return replace(self, tensors=partial(_drawn, self, seed), answers=f"random {seed}")


def _drawn(graph: UnboundGraph, seed: int) -> Tensors:
    return graph.draw(graph.tensors(), seed)
