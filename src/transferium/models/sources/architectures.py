"""Networks without their weights, built of what a saved model says of them: plain data, no path and no code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from transferium.errors import BackboneError, refusing
from transferium.models.ngrams.backbone_of_ngrams import ARCHITECTURE, network_of
from transferium.models.sources.untrained import UNTRAINED

if TYPE_CHECKING:
    from torch import nn


def architecture_of(told: Mapping[str, Any]) -> nn.Module:
    """The network of ``Backbone.architecture`` with random weights.

    Raises ``BackboneError`` where the library that is here cannot build it.
    """
    library = told.get("library")
    if library not in LIBRARIES:
        raise BackboneError(f"a saved model holds a network of {library!r}, which this version does not know.")
    with refusing(BackboneError, f"the installed {library} cannot build the network that a saved model holds", "."):
        return LIBRARIES[library](told)


def _of_transformers(told: Mapping[str, Any]) -> nn.Module:
    from transferium.models.sources.transformers_models import from_architecture

    return from_architecture(told)


def _of_timm(told: Mapping[str, Any]) -> nn.Module:
    from transferium.models.sources.timm_models import from_architecture

    return from_architecture(told)


def _of_this_package(told: Mapping[str, Any]) -> nn.Module:
    if told["architecture"] == ARCHITECTURE:
        return network_of(told)
    fresh = UNTRAINED[told["architecture"]]().fresh
    assert fresh is not None
    return fresh()


LIBRARIES: dict[str, Callable[[Mapping[str, Any]], nn.Module]] = {
    "transformers": _of_transformers,
    "timm": _of_timm,
    "transferium": _of_this_package,
}
"""What builds the networks of each library."""
