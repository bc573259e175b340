"""Features as a folder: ``features.parquet`` with a row for each example, and what they are in ``features.json``."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.artifact import replacing
from transferium.data.doctor.findings import filled_cells
from transferium.data.domain import Domain
from transferium.data.modality import KINDS
from transferium.embedding.embed import Embedder
from transferium.errors import DataError, InputError, TransferiumWarning, refusing
from transferium.models.backbone import Backbone
from transferium.system.checked_files import LONGEST_JSON, parse_json, read_file
from transferium.system.printable import printable
from transferium.version import __version__

DESCRIPTION, TABLE = "features.json", "features.parquet"
BLOCK = 8192
"""Examples that are in memory together, with their features; each block is a row group of the file."""


@dataclass(frozen=True)
class Block:
    """Some examples: their ids, their labels as cells (None without labels), and features ``(n, width)``."""

    ids: list[str]
    labels: list[str] | None
    vectors: NDArray[np.float32]


@dataclass(frozen=True)
class FeaturesFolder:
    """A folder of features that was written: ``told`` is its description."""

    folder: Path
    told: dict[str, Any]

    def blocks(self) -> Iterator[Block]:
        """All of it, a row group at a time; raises ``DataError`` for a damaged file."""
        import pyarrow.parquet as pq

        path = self.folder / TABLE
        with refusing(DataError, f"{path} cannot be read", ": embed the data again."), pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                rows = file.read_row_group(group)
                flat = rows["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
                labels = rows["label"].to_pylist() if "label" in rows.column_names else None
                vectors = np.asarray(flat, np.float32).reshape(len(rows), self.told["width"])
                yield Block(rows["id"].to_pylist(), labels, vectors)


def computed(domain: Domain, backbone: Backbone, embedder: Embedder, problems: dict[str, str]) -> Iterator[Block]:
    """Blocks of a domain as they are computed or found in the store; ``problems`` gets what cannot be read, and why."""
    if backbone.output != "pooled":
        raise InputError(
            f"{backbone.name} gives a row for each word of {KINDS[domain.kind]}: features of whole examples are kept."
        )
    for start in range(0, len(domain), BLOCK):
        block = domain.take(np.arange(start, min(start + BLOCK, len(domain))))
        embedding = embedder(block, backbone)[0]
        problems |= {block.ids[i]: reason for i, reason in embedding.problems.items()}
        for finding in filled_cells(embedding.filled, block.ids):
            warnings.warn(finding.message, TransferiumWarning, stacklevel=2)
        block = block.take(embedding.ok)
        labels = None if block.labels is None else block.posed.cells(block.y, block.samples)
        yield Block(list(block.ids), labels, embedding.features[embedding.ok])


def write_features(domain: Domain, backbone: Backbone, embedder: Embedder, out: Path) -> FeaturesFolder:
    """Embed ``domain`` into the folder ``out``, whole or not at all; an earlier folder of features is replaced.

    Memory holds one block at a time, beside names and labels. What cannot be read has no row and stands in the
    description with its reason. Raises ``DataError`` where nothing can be read, ``ArtifactError`` where ``out`` holds
    other files.
    """
    problems: dict[str, str] = {}
    written = 0
    with replacing(out, (DESCRIPTION,)) as fresh:
        with _Table(fresh / TABLE) as table:
            for block in computed(domain, backbone, embedder, problems):
                table.write(block)
                written += len(block.ids)
        if not written:
            raise DataError(f"none of the {len(domain)} examples of {domain.name!r} can be read: {_first(problems)}.")
        told = {
            "format": 1,
            "name": domain.name,
            "kind": domain.kind,
            "examples": written,
            "width": table.width,
            "backbone": _made_by(backbone),
            "problem": None if domain.problem is None else domain.problem.kind,
            "unreadable": problems,
            "transferium": __version__,
        }
        text = json.dumps(told, indent=1, ensure_ascii=False)
        (fresh / DESCRIPTION).write_text(f"{text}\n", encoding="utf-8")
    return FeaturesFolder(out, told)


def is_features(path: Path) -> bool:
    """Whether a folder was written by :func:`write_features`."""
    return (path / DESCRIPTION).is_file()


def read_features(folder: Path, told: dict[str, Any], backbone: Backbone) -> FeaturesFolder:
    """The folder that ``told`` describes; raises ``InputError`` where another backbone than this one made it."""
    if _made_by(backbone) != told["backbone"]:
        raise InputError(
            f"the features in {folder} were made by {told['backbone']['name']}, not by this {backbone.name} (or they "
            "read examples otherwise): give --backbone as it was given to embed."
        )
    return FeaturesFolder(folder, told)


def described(folder: Path) -> dict[str, Any]:
    """The description of a folder of features; raises ``DataError`` for a damaged one."""
    with refusing(DataError, f"{folder / DESCRIPTION} is damaged", ": embed the data again."):
        told = dict(parse_json(read_file(folder / DESCRIPTION, LONGEST_JSON)))
        texts = (told["backbone"]["name"], told["kind"])
        if told["format"] != 1 or told["kind"] not in KINDS or not isinstance(told["width"], int) or not all(texts):
            raise ValueError("it is of another format")
    return told


def _made_by(backbone: Backbone) -> dict[str, Any]:
    """What decides a feature: the weights, and how an example is read."""
    reads = backbone.preprocess
    return {
        "name": backbone.name,
        "fingerprint": backbone.fingerprint,
        "preprocess": None if reads is None else json.loads(json.dumps(reads.to_json())),
        "reads": "" if reads is None else reads.fingerprint(),
    }


def _first(problems: dict[str, str]) -> str:
    name, reason = next(iter(problems.items()), ("", "there is none"))
    return f"{printable([name])[0]}: {reason}" if name else reason


class _Table:
    """The Parquet file while it is written: columns ``id``, ``label`` where there are labels, ``vector``."""

    def __init__(self, path: Path) -> None:
        self.path, self.width = path, 0
        self._writer: Any = None

    def __enter__(self) -> _Table:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()

    def write(self, block: Block) -> None:
        """One row group."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not block.ids:
            return
        self.width = block.vectors.shape[1]
        flat = pa.array(np.ascontiguousarray(block.vectors).reshape(-1))
        columns = {"id": pa.array(printable(block.ids), pa.string())}
        if block.labels is not None:
            columns["label"] = pa.array(block.labels, pa.string())
        columns["vector"] = pa.FixedSizeListArray.from_arrays(flat, self.width)
        table = pa.table(columns)
        if self._writer is None:
            self._writer = pq.ParquetWriter(self.path, table.schema, compression="zstd", use_dictionary=False)
        self._writer.write_table(table)
