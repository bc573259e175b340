"""The head that writes a text, piece after piece, from the rows that an encoder gives for the parts of an example."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from transferium.errors import DataError, refusing
from transferium.functional.sequences.ragged import is_ragged_array, lengths, ragged
from transferium.models.heads.base import BLOCK, AnyHead
from transferium.problems.problem import Link
from transferium.problems.texts import signs
from transferium.system.extras import require_train

if TYPE_CHECKING:
    from transferium.models.writing.decoder_network import DecoderNetwork

TOKENIZER = "tokenizer"


@dataclass(frozen=True, eq=False)
class Writer(AnyHead):
    """Rows ``(parts, width)`` of each example to a text, by the decoder of an encoder-decoder of transformers.

    ``tensors`` are its weights, and the bytes of its tokenizer's file under ``tokenizer``; ``config`` and
    ``generation`` are those of transformers. A text has at most ``longest`` pieces, the most probable one after another
    (greedy), or by search with several ``beams``. Examples with as many parts are answered in blocks of one size, so
    that company changes no answer. Writing needs PyTorch.
    """

    tensors: dict[str, NDArray[Any]]
    config: Mapping[str, Any]
    generation: Mapping[str, Any]
    reads: int
    longest: int
    beams: int = 1
    temperature: float = 1.0
    link: Link = "identity"
    kind: ClassVar[str] = "writer"

    @property
    def classes(self) -> int:
        return 1

    @property
    def width(self) -> int:
        return self.reads

    def to_tensors(self) -> dict[str, NDArray[Any]]:
        return {f"head.{name}": tensor for name, tensor in self.tensors.items()}

    def facts(self) -> dict[str, Any]:
        """The facts that must be saved beside the tensors and the temperature, as plain data."""
        told = {"config": dict(self.config), "generation": dict(self.generation)}
        return super().facts() | told | {"reads": self.reads, "longest": self.longest, "beams": self.beams}

    def _scores(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        raise DataError("a head that writes answers about whole examples, not about single rows")

    def logits(self, features: NDArray[Any]) -> NDArray[np.float64]:
        """As ``outputs``: there is nothing to calibrate."""
        return self.outputs(features)

    def outputs(self, features: NDArray[Any]) -> NDArray[np.float64]:
        """The signs of each text, ragged; none where an example has no parts. Raises ``MissingExtraError``."""
        if not is_ragged_array(features):
            raise DataError(f"this head reads a row for each part of an example; it was given {features.shape}.")
        found: list[NDArray[np.float64]] = [np.empty(0)] * len(features)
        count = lengths(features)
        for length in np.unique(count[count > 0]).tolist():
            alike = np.flatnonzero(count == length)
            for start in range(0, len(alike), BLOCK):
                at = alike[start : start + BLOCK]
                block = np.zeros((BLOCK, length, self.width), np.float32)
                block[: len(at)] = np.stack(list(features[at]))
                for i, text in zip(at.tolist(), self._texts(block), strict=False):
                    found[i] = signs(text).astype(np.float64)
        return ragged(found)

    def _texts(self, block: NDArray[np.float32]) -> list[str]:
        network, tokenizer = self._opened
        import torch

        with torch.inference_mode():
            rows = torch.from_numpy(block)
            ids = network.write(rows, torch.ones(rows.shape[:2], dtype=torch.int64), self.longest, self.beams)
        written: list[str] = tokenizer.decode_batch(ids.tolist(), skip_special_tokens=True)
        return [text.strip() for text in written]

    @cached_property
    def _opened(self) -> tuple[DecoderNetwork, Any]:
        require_train("a model that writes texts")
        import torch
        from tokenizers import Tokenizer

        from transferium.models.writing.decoder_network import DecoderNetwork, built, load_tensors

        with refusing(DataError, "the network that writes the texts of this model cannot be built", "."):
            whole = built(self.config, self.generation)
            network = DecoderNetwork(whole, self.width)
            load_tensors(network, {name: torch.from_numpy(tensor) for name, tensor in self.tensors.items()})
            tokenizer = Tokenizer.from_str(bytes(self.tensors[TOKENIZER]).decode("utf-8"))
        return network, tokenizer
