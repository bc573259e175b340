"""A column of pictures, texts or sounds as a backbone sees it, on the scale of the other columns of its table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain, Kind
from transferium.errors import DataError
from transferium.models.backbone import Backbone


@dataclass(frozen=True)
class EmbeddedColumn:
    """``(features - mean) * scale`` of each cell; a missing one is the mean of the training part, 0.

    ``scale`` gives the whole column variance 1, however wide it is: the spread that a column of numbers has. With
    ``flag`` a last number is 1 where the cell is missing. ``filled`` counts the training cells that were missing. It
    reads nothing before ``mean`` is known.
    """

    name: str
    kind: Kind
    backbone: Backbone
    mean: tuple[float, ...] = ()
    scale: float = 1.0
    flag: bool = False
    filled: int = 0

    def fit(self, features: NDArray[np.float32], ok: NDArray[np.bool_]) -> EmbeddedColumn | None:
        """The same, fitted to what its backbone makes of the training part; None where nothing differs there."""
        seen = features if ok.all() else features[ok]
        mean = seen.mean(axis=0, dtype=np.float64) if len(seen) else np.zeros(features.shape[1])
        rest = seen - mean.astype(np.float32)
        variance = float(np.einsum("ij,ij->", rest, rest, dtype=np.float64)) / max(1, len(seen))
        filled = int((~ok).sum())
        if not len(seen) or (variance <= 0 and not filled):
            return None
        scale = 1 / float(np.sqrt(variance)) if variance > 0 else 1.0
        short = tuple(float(f"{one:.7g}") for one in mean.tolist())
        return replace(self, mean=short, scale=float(f"{scale:.7g}"), flag=filled > 0, filled=filled)

    @property
    def width(self) -> int:
        """How many numbers there are for a cell."""
        return len(self.mean) + self.flag

    def write(self, features: NDArray[np.float32], ok: NDArray[np.bool_], out: NDArray[np.float32]) -> None:
        """Fill ``out (n, width)``, which comes filled with zeros, for what its backbone makes of the cells."""
        width = len(self.mean)
        out[:, :width] = (features - np.array(self.mean, np.float32)) * np.float32(self.scale)
        out[~ok, :width] = 0
        if self.flag:
            out[:, width] = ~ok

    def check_reads(self, cells: Domain) -> None:
        """Raise ``DataError`` where a column holds another kind of example."""
        if cells.kind != self.kind:
            raise DataError(f"the model reads column {self.name!r} as {self.kind}, and it is given as {cells.kind}.")

    def about(self) -> dict[str, Any]:
        """What a report says of the column."""
        return {
            "type": self.kind,
            "width": self.width,
            "backbone": self.backbone.name,
            "missing": self.flag,
            "filled": self.filled,
        }

    def to_json(self) -> dict[str, Any]:
        """All of it but the files of its backbone."""
        plain = {name: value for name, value in vars(self).items() if name != "backbone"}
        return plain | {"mean": list(self.mean), "backbone": self.backbone.to_json()}
