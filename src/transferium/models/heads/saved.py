"""Loading of saved heads by their kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from numpy.typing import NDArray

from transferium.models.heads.base import AnyHead
from transferium.models.heads.cosine import CosineHead
from transferium.models.heads.detection import DetectionHead
from transferium.models.heads.layered import head_from_tensors
from transferium.models.heads.neighbours import Neighbours
from transferium.models.heads.spelling import SpellingHead
from transferium.models.heads.writer import Writer
from transferium.problems.problem import Link

FORMATS = {"linear": 1, "layered": 1, "cosine": 2, "neighbours": 2, "detection": 3, "writer": 3, "spelling": 3}
"""The first format of a saved model that can hold each kind of head."""


def head_from_saved(tensors: dict[str, NDArray[Any]], temperature: float, facts: Mapping[str, Any]) -> AnyHead:
    """The opposite of ``to_tensors`` and ``facts``; a model saved before there were kinds says none.

    Raises ``KeyError`` for what is missing and ``ValueError`` for a kind that there is not.
    """
    kind, link = facts.get("kind", "linear"), facts.get("link", "softmax")
    if link not in get_args(Link):
        raise ValueError(f"what its scores mean, {link!r}")
    if kind in ("linear", "layered"):
        return head_from_tensors(tensors, temperature, link)
    if kind == "cosine":
        return CosineHead(tensors["head.weight"], tensors["head.bias"], temperature, link=link)
    if kind == "neighbours":
        count, k = int(facts["classes"]), int(facts["k"])
        return Neighbours(
            tensors["head.examples"], tensors["head.labels"], count, k, facts["metric"], temperature, link=link
        )
    if kind == "detection":
        named = {name.removeprefix("head."): tensor for name, tensor in tensors.items()}
        return DetectionHead(named, float(facts["shift"]), temperature, link=link)
    if kind == "writer":
        named = {name.removeprefix("head."): tensor for name, tensor in tensors.items()}
        reads, longest, beams = (int(facts[name]) for name in ("reads", "longest", "beams"))
        told = dict(facts["config"]), dict(facts["generation"])
        return Writer(named, *told, reads=reads, longest=longest, beams=beams, temperature=temperature, link=link)
    if kind == "spelling":
        return SpellingHead(tensors["head.weight"], tensors["head.bias"], str(facts["letters"]), temperature, link=link)
    raise ValueError(f"the kind of its head, {kind!r}")
