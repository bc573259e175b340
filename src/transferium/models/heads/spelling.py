"""The head that spells: of each moment a letter or nothing, in NumPy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from transferium.errors import DataError
from transferium.functional.sequences.ragged import is_ragged_array, ragged
from transferium.models.heads.base import AnyHead
from transferium.problems.problem import Link
from transferium.problems.texts import signs


@dataclass(frozen=True, eq=False)
class SpellingHead(AnyHead):
    """Rows ``(moments, width)`` of each recording to a text: the best of ``letters`` or the blank of each moment.

    Then letters that go on are one, and blanks are left out (Graves et al. 2006, best path). ``weight (1 + letters,
    width)`` and ``bias``; the blank comes first.
    """

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    letters: str
    temperature: float = 1.0
    link: Link = field(default="identity", kw_only=True)
    kind: ClassVar[str] = "spelling"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (np.isfinite(self.weight).all() and np.isfinite(self.bias).all()):
            raise DataError("a head needs finite weights; some of these are not. The fit that made them failed.")
        if self.weight.shape[0] != len(self.bias) or len(self.bias) != 1 + len(self.letters):
            raise DataError(f"{len(self.letters)} letters and a blank do not fit weights {self.weight.shape}.")

    @property
    def classes(self) -> int:
        return 1

    @property
    def width(self) -> int:
        return int(self.weight.shape[1])

    def to_tensors(self) -> dict[str, NDArray[Any]]:
        return {"head.weight": self.weight, "head.bias": self.bias}

    def facts(self) -> dict[str, Any]:
        """The facts that must be saved beside the tensors and the temperature, as plain data."""
        return super().facts() | {"letters": self.letters}

    def _scores(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        raise DataError("a head that spells answers about whole recordings, not about single rows")

    def logits(self, features: NDArray[Any]) -> NDArray[np.float64]:
        """Scores of each moment, ragged ``(moments, 1 + letters)``."""
        return ragged(np.asarray(rows, np.float64) @ self.weight.T.astype(np.float64) + self.bias for rows in features)

    def outputs(self, features: NDArray[Any]) -> NDArray[np.float64]:
        """The signs of each text, ragged."""
        if not is_ragged_array(features):
            raise DataError(f"this head reads a row for each moment of a recording; it was given {features.shape}.")
        return ragged(signs(self._spelled(scores)).astype(np.float64) for scores in self.logits(features))

    def _spelled(self, scores: NDArray[np.float64]) -> str:
        path = scores.argmax(axis=1) if len(scores) else np.empty(0, np.int64)
        begins = path[np.flatnonzero(np.diff(path, prepend=-1))]
        return "".join(self.letters[i - 1] for i in begins.tolist() if i).strip()
