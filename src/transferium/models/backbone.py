"""The backbone: a pretrained encoder with its preprocessing and fingerprint. Its description needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from transferium.data.domain import Domain, Kind
from transferium.models.graphs.unbound_graph import UnboundGraph
from transferium.models.preprocess import Preprocess

if TYPE_CHECKING:
    from torch import nn

    from transferium.models.adapter import Adapter


Output = Literal["pooled", "tokens"]
Fitting = Callable[["Backbone", Sequence[Domain]], "Backbone"]
"""What makes of a backbone one that is fitted to the examples of domains."""


@dataclass(frozen=True)
class WholeModel:
    """A folder of transformers; with a ``seed``, the model of its configuration with random weights."""

    folder: Path
    seed: int | None = None


@dataclass(frozen=True, eq=False)
class Backbone:
    """A frozen description; ``build()`` makes the torch module, and is not needed where there is a graph.

    The module maps one preprocessed batch to pooled features ``(n, width)``: images come as
    ``float32 (n, 3, h, w)``, texts as ``int64 ids (n, t)`` and ``int64 mask (n, t)``. With ``output="tokens"`` it gives
    a row for each token instead, ``(n, t, width)``; its ``fingerprint`` is then another.
    ``blocks`` are dotted names in forward order, from the input on: together they hold every parameter. A name is a
    module's, or that of a parameter which the root itself holds (a position embedding); ``*`` for one part of it means
    that block of every network of several (``members``) that lie side by side.
    ``fingerprint`` is the SHA-256 of weights, architecture and pooling; two backbones that share it are one. Of one
    that came with a saved model it is the SHA-256 of the files that came, and ``claimed`` what the model says that it
    was: nothing is kept or looked up under that. ``sha256`` holds the digests of its ``graph`` and ``weights``.
    ``fresh()`` makes the same architecture with its default random weights, where that is known.
    ``any_size``: images of another side can be read too. ``graph``: what to run instead of a module, a graph of this
    package that weights are bound to, or the file of an exported one that came with a saved model; ``weights``: what
    lies beside that file to train from, of a backbone that was ``tuned`` here; ``adapter``: all that was trained of it,
    where that is little. ``architecture`` is what its module is built of without weights, as plain data
    (``models/sources/architectures.py``), where a name alone would not say it: of one that came from a folder.
    ``source_head()`` makes the classifier that the weights were trained with, features ``(n, width)`` to logits over
    the classes of pretraining, where it came along and is linear. ``whole`` is the model that it is a part of, where
    that may have more: a head for masked tokens, a second tower.
    ``fitting(itself, domains)`` makes one that is fitted to examples, without their labels; None where there is nothing
    to fit, or that is done.
    """

    name: str
    kind: Kind
    width: int
    blocks: tuple[str, ...]
    preprocess: Preprocess | None
    fingerprint: str
    build: Callable[[], nn.Module]
    licence: str = "unknown"
    size_bytes: int = 0
    pretrained: bool = True
    fresh: Callable[[], nn.Module] | None = None
    any_size: bool = True
    graph: Path | UnboundGraph | None = None
    weights: Path | None = None
    tuned: bool = False
    adapter: Adapter | None = None
    architecture: Mapping[str, Any] | None = None
    members: int = 1
    source_head: Callable[[], nn.Module] | None = None
    whole: WholeModel | None = None
    fitting: Fitting | None = None
    output: Output = "pooled"
    claimed: str | None = None
    sha256: Mapping[str, str] = field(default_factory=dict)

    @property
    def said_to_be(self) -> str:
        """The fingerprint that a saved model is to say: of one that came with a model, what that says."""
        return self.claimed if self.claimed is not None and isinstance(self.graph, Path) else self.fingerprint

    def made_into(self, fingerprint: str, build: Callable[[], nn.Module], **changes: Any) -> Backbone:
        """Another backbone made of this one, without what is of this one alone: graph, weights, adapter, head."""
        beside: dict[str, Any] = dict.fromkeys(("graph", "weights", "adapter", "source_head", "whole", "fitting"))
        return replace(self, fingerprint=fingerprint, build=build, **beside | changes)

    def to_json(self) -> dict[str, Any]:
        """The description of the backbone that a saved model holds."""
        told: dict[str, Any] = {
            "name": self.name,
            "kind": self.kind,
            "width": self.width,
            "members": self.members,
            "fingerprint": self.said_to_be,
            "licence": self.licence,
            "pretrained": self.pretrained,
            "preprocess": None if self.preprocess is None else self.preprocess.to_json(),
        }
        told |= {} if self.output == "pooled" else {"output": self.output}
        return told | (
            {} if self.architecture is None else {"architecture": {**self.architecture, "blocks": list(self.blocks)}}
        )
