"""How examples of each kind come into an exported graph: one row for each kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Kind
from transferium.job.export.onnx import picture_inputs, row_inputs, text_inputs
from transferium.job.export.onnx.inner_graph import Arrays, Features, Network
from transferium.job.export.onnx.onnx_graph import GraphParts
from transferium.models.backbone import Backbone


@dataclass(frozen=True)
class Entrance:
    """What is asked of one kind of example.

    ``add(graph, backbone, network)`` gives the descriptions of the inputs and the name of the features. ``told`` says
    how an example becomes inputs. ``probe(backbone, features)`` gives inputs made up, and what the features of these
    are.
    """

    add: Callable[[GraphParts, Backbone, Network | None], tuple[list[bytes], str]]
    told: Callable[[Backbone], dict[str, Any]]
    probe: Callable[[Backbone, Features], tuple[Arrays, NDArray[np.floating[Any]]]]


ENTRANCES: dict[Kind, Entrance] = {
    "image": Entrance(picture_inputs.pixels, picture_inputs.told_of_pictures, picture_inputs.some_pictures),
    "text": Entrance(text_inputs.tokens, text_inputs.told_of_texts, text_inputs.some_texts),
    "pair": Entrance(text_inputs.two_texts, text_inputs.told_of_pairs, text_inputs.some_pairs),
    "row": Entrance(row_inputs.numbers, row_inputs.told_of_numbers, row_inputs.some_numbers),
    "features": Entrance(row_inputs.rows_of_features, row_inputs.told_of_features, row_inputs.some_features),
}
"""Kinds of example that an exported graph reads."""
