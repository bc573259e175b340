"""What a model learned from, kept with it as short hashes: a figure on the same examples proves nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from transferium.data.columns.table import Table
from transferium.data.doctor.scan import scan
from transferium.data.domain import Domain
from transferium.data.samples import Rows
from transferium.errors import ArtifactError

FILE = "learned.safetensors"
SHORT = 16
"""Hexadecimal digits of a content hash that are kept: 8 bytes."""


@dataclass(frozen=True, eq=False)
class Learned:
    """The examples whose labels a model was trained on, stopped by or chosen by: sorted hashes of their contents.

    ``hashes[i]`` is the first 8 bytes of the SHA-256 of an example's content. ``complete`` says that none is missing;
    a model that was saved without them (by an earlier version, or told to forget its data) is not complete.
    Among a million hashes, the chance that one of a million new examples is taken for a learned one is 1 in 18 million.
    """

    hashes: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))
    complete: bool = False

    @classmethod
    def of(cls, *domains: Domain | None) -> Learned:
        """All examples of the scanned ``domains``.

        >>> from transferium.data.samples import Items
        >>> texts = Domain(Items(["a", "b", "a"]), "text", ids=["1", "2", "3"])
        >>> Learned.of(texts).marks(texts).tolist(), len(Learned.of(texts).hashes)
        ([True, True, True], 2)
        """
        short = [_short(_contents(domain)) for domain in domains if domain is not None]
        return cls(np.unique(np.concatenate(short)) if short else np.empty(0, np.uint64), complete=True)

    def __or__(self, other: Learned) -> Learned:
        return Learned(np.union1d(self.hashes, other.hashes), self.complete and other.complete)

    def marks(self, domain: Domain) -> NDArray[np.bool_]:
        """Which examples of ``domain`` have the content of one that was learned from."""
        found = self._among(_contents(domain))
        # What earlier versions kept of feature rows depends on their type.
        return found | self._among(domain.keys) if domain.kind == "features" and domain.keys is not None else found

    def _among(self, keys: Sequence[str]) -> NDArray[np.bool_]:
        readable = np.array([bool(key) for key in keys], bool)
        found = np.zeros(len(keys), bool)
        found[readable] = np.isin(_short(keys), self.hashes)
        return found

    def write(self, path: Path) -> None:
        """Write the hashes to ``path``; nothing where they are not complete."""
        from safetensors.numpy import save

        if self.complete:
            path.write_bytes(save({"hashes": self.hashes}))

    @classmethod
    def read(cls, path: Path, otherwise: Sequence[str] = ()) -> Learned:
        """What was written to ``path``; where there is no file, the whole hashes ``otherwise``, which are not all.

        Raises ``ArtifactError`` for a damaged file.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        if not path.is_file():
            return cls(np.unique(_short(otherwise)))
        try:
            hashes = load_file(path)["hashes"]
        except (OSError, SafetensorError, KeyError) as error:
            raise ArtifactError(f"{path} cannot be read as hashes ({error}); the model is damaged.") from error
        if hashes.dtype != np.uint64 or hashes.ndim != 1:
            raise ArtifactError(f"{path} holds {hashes.dtype} {hashes.shape}, not hashes; the model is damaged.")
        return cls(hashes, complete=True)


def _contents(domain: Domain) -> tuple[str, ...]:
    """Content hashes; those of numbers are of single precision, which is what models read and files may hold."""
    if isinstance(domain.samples, Table):
        return tuple(domain.samples.keys(single=True))
    if domain.kind == "features":
        with np.errstate(over="ignore"):
            rows = Rows(domain.features.astype(np.float32))
        return scan(replace(domain, samples=rows)).keys
    return domain.keys if domain.keys is not None else scan(domain).keys


def _short(keys: Sequence[str]) -> NDArray[np.uint64]:
    return np.array([int(key[:SHORT], 16) for key in keys if key], np.uint64)
