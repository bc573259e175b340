"""Small valid files of every reader, random damage to them, and what reading them raises that is no error of ours."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from transferium.errors import TransferiumError

Read = Callable[[Path], object]
SPLICES = (
    b"\0" * 8,
    b"\xff" * 8,
    b"[" * 64,
    b"{",
    b'"',
    b"\n",
    b",",
    b"9" * 40,
    b"-1",
    b"NaN",
    b"1e999",
    b"null",
    b"\\u0000",
)


@dataclass(frozen=True)
class Reader:
    """``content`` is a small valid file called ``name``, and ``read`` what reads it."""

    name: str
    content: bytes
    read: Read


def damaged(content: bytes, draw: np.random.Generator) -> bytes:
    """One to four changes: a flipped bit, another byte, a piece cut out, doubled or moved, a splice, an end cut off."""
    made = bytearray(content)
    for _ in range(int(draw.integers(1, 5))):
        at, length = int(draw.integers(len(made) + 1)), int(draw.integers(1, 17))
        kind = int(draw.integers(8))
        if kind == 0 and at < len(made):
            made[at] ^= 1 << int(draw.integers(8))
        elif kind == 1 and at < len(made):
            made[at] = int(draw.integers(256))
        elif kind == 2:
            del made[at : at + length]
        elif kind == 3:
            made[at:at] = made[at : at + length]
        elif kind == 4:
            made[at:at] = SPLICES[int(draw.integers(len(SPLICES)))]
        elif kind == 5:
            splice = SPLICES[int(draw.integers(len(SPLICES)))]
            made[at : at + len(splice)] = splice
        elif kind == 6 and draw.random() < 0.2:
            del made[at:]
        else:
            made[at : at + length] = draw.bytes(length)
    return bytes(made)


def wrong(reader: Reader, folder: Path, count: int, seed: int) -> Iterator[tuple[int, BaseException]]:
    """The number and the exception of each of ``count`` damaged files whose reading raised another error than ours."""
    path = folder / reader.name
    path.parent.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        path.write_bytes(damaged(reader.content, np.random.default_rng([seed, number])))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                reader.read(path)
        except TransferiumError:
            pass
        except Exception as error:
            yield number, error


def readers(folder: Path) -> list[Reader]:
    """Every reader; what a folder must hold beside the damaged file is written to ``folder``."""
    return [*_tables(), *_arrays(), *_pictures(), *_models(folder), *_states(folder)]


def _read_all(path: Path) -> None:
    from transferium.data.doctor.scan import scan
    from transferium.data.read import read

    domain = read(path)
    scan(domain, workers=1)
    if domain.kind == "image":
        _decode_all(domain)


def _decode_all(domain: Any) -> None:
    from transferium.embedding.picture import Picture, read_picture
    from worlds.domains import SMALL

    for index in range(len(domain)):
        picture = read_picture(domain.samples, index)
        if isinstance(picture, Picture):
            picture.read(SMALL)


def _tables() -> Iterator[Reader]:
    import pyarrow as pa
    from pyarrow import parquet

    from worlds.domains import png

    lines = [("a text", "x", 1.5), ("another", "y", 2.5), ('the last, "quoted"', "x", -3.0)] * 3
    for suffix, mark in (("csv", ","), ("tsv", "\t")):
        rows = [mark.join((f'"{text.replace(chr(34), chr(34) * 2)}"', label, str(n))) for text, label, n in lines]
        yield Reader(f"t.{suffix}", "\n".join([mark.join(("text", "label", "n")), *rows]).encode(), _read_all)
    yield Reader("n.csv", ("a,b,label\n" + "1.5,2,0\n2.5,1,1\n" * 5).encode(), _read_all)
    told = [json.dumps({"text": text, "label": label, "n": [n, 1]}) for text, label, n in lines]
    yield Reader("t.jsonl", "\n".join(told).encode(), _read_all)
    text, label, number = zip(*lines, strict=True)
    columns = {
        "t.parquet": {"text": text, "label": label},
        "n.parquet": {"a": number, "b": [[n, n] for n in number], "label": label},
        "i.parquet": {"image": [png(i, (9, 9)) for i in range(4)], "label": ["a", "b"] * 2},
    }
    for name, column in columns.items():
        for compression in ("none", "snappy") if name == "t.parquet" else ("snappy",):
            stream = io.BytesIO()
            parquet.write_table(
                pa.table({key: list(cells) for key, cells in column.items()}), stream, compression=compression
            )
            yield Reader(name, stream.getvalue(), _read_all)


def _arrays() -> Iterator[Reader]:
    x, y = np.random.default_rng(0).random((12, 5)), np.arange(12) % 2
    for save in (np.savez, np.savez_compressed):
        stream = io.BytesIO()
        save(stream, x=x, y=y)
        yield Reader("t.npz", stream.getvalue(), _read_all)
    parts, one = io.BytesIO(), io.BytesIO()
    np.savez(parts, x_train=x.astype("f4"), y_train=y.astype(str), x_test=x[:3].astype("f4"), y_test=y[:3].astype(str))
    yield Reader("p.npz", parts.getvalue(), _read_all)
    np.save(one, (x[:, :, None, None] * np.ones((1, 1, 4, 3)) * 255).astype("u1"))
    yield Reader("t.npy", one.getvalue(), _read_all)


def _pictures() -> Iterator[Reader]:
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (12, 10, 4), np.uint8)
    colour, deep = Image.fromarray(pixels[:, :, :3]), Image.fromarray(pixels[:, :, 0].astype(np.uint16) * 257)
    kinds = [("JPEG", colour), ("PNG", colour), ("PNG", deep), ("GIF", colour), ("BMP", colour), ("TIFF", deep)]
    kinds += [("TIFF", Image.fromarray(pixels[:, :, 0].astype(np.float32))), ("WEBP", colour)]
    kinds += [("PNG", Image.fromarray(pixels)), ("PNG", colour.convert("P"))]
    for kind, image in kinds:
        stream = io.BytesIO()
        image.save(stream, kind)
        yield Reader(f"t.{kind.lower()}", stream.getvalue(), _read_all)


def _models(folder: Path) -> Iterator[Reader]:
    """Models as they were saved before there were digests, so that what is read behind those is met too."""
    from transferium.artifact import Artifact, load_artifact
    from transferium.embedding.engines.graph import Graph
    from transferium.embedding.engines.onnx_engine import OnnxEngine
    from transferium.models.heads.linear import Head
    from transferium.models.sources.weight_files import read_weights
    from transferium.problems.classes import Classes
    from worlds.domains import tiny

    def run(path: Path) -> None:
        OnnxEngine(Graph(path, {})).run(np.zeros((1, 3, 16, 16), np.float32))

    whole = folder / "whole"
    Artifact(tiny(), Head(np.eye(2, 6), np.zeros(2)), Classes(("a", "b")), {"feature_names": None}).save(whole)
    old = json.loads((whole / "model.json").read_text())
    contents = {file.name: file.read_bytes() for file in whole.iterdir()}
    yield Reader("sealed/model.json", contents["model.json"], lambda path: load_artifact(path.parent))
    contents["model.json"] = json.dumps({k: v for k, v in old.items() if k not in ("files", "seal")}).encode()
    for name, content in contents.items():
        place = folder / f"of {name}"
        place.mkdir()
        for other, beside in contents.items():
            (place / other).write_bytes(beside)
        yield Reader(f"{place.name}/{name}", content, lambda path: load_artifact(path.parent))
        (folder / "sealed").mkdir(exist_ok=True)
        (folder / "sealed" / name).write_bytes(content)
    yield Reader("t.onnx", contents["backbone.onnx"], run)
    yield from _weights(read_weights)


def _weights(read: Read) -> Iterator[Reader]:
    import torch
    from safetensors.torch import save

    tensors = {"a.weight": torch.ones(3, 4), "b": torch.arange(5)}
    yield Reader("w.safetensors", save(tensors), read)
    stream = io.BytesIO()
    torch.save(tensors, stream)
    yield Reader("w.pth", stream.getvalue(), read)
    with zipfile.ZipFile(io.BytesIO(stream.getvalue())) as archive:
        yield Reader("p.pth", archive.read(next(n for n in archive.namelist() if n.endswith("data.pkl"))), read)


def _states(folder: Path) -> Iterator[Reader]:
    import torch

    from transferium.job.run_directory.resume import remembered
    from transferium.methods.model_selection.saved_decision import read_state, write_state
    from transferium.system.checked_files import write_sealed_json
    from transferium.training.logs.journal import Journal, read_log
    from transferium.training.resume.checkpoint import Checkpoints, Saved

    state = folder / "state"
    told: dict[str, Any] = {"format": 2, "command": "transferium fit", "folder": "/", "versions": {}}
    told |= {"options": {"data": "x", "method": "probe", "restart": False, "resume": None, "settings": []}}
    write_sealed_json(state / "command.json", told)
    yield Reader("state/command.json", (state / "command.json").read_bytes(), lambda path: remembered(path.parents[1]))
    unsealed = json.dumps(told | {"format": 1}).encode()
    yield Reader("state/command.json", unsealed, lambda path: remembered(path.parents[1]))
    write_state(state / "decision.json", {"about": {}, "rows": [1.5]})
    yield Reader("decision.json", (state / "decision.json").read_bytes(), read_state)
    Checkpoints(state).save_step(0, Saved({"a/x": torch.ones(2)}, {"step": 3}))
    step = (state / "step.safetensors").read_bytes()
    yield Reader("step.safetensors", step, lambda path: Checkpoints(path.parent).under_way(0))
    Journal(state).event("started", {"command": "fit"})
    yield Reader("log.jsonl", (state / "log.jsonl").read_bytes(), partial(_log, Journal, read_log))


def _log(journal: Any, read_log: Any, path: Path) -> None:
    read_log(path)
    journal(path.parent).event("resumed")
