"""Every kind of file that is written by the program and read back, with what is read of it, and bits to be flipped."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from transferium.errors import TransferiumError


@dataclass(frozen=True)
class Kept:
    """A file ``path`` and ``read``, which gives all that the program takes from it, as something to compare."""

    what: str
    path: Path
    read: Callable[[], Any]


def flip(file: Kept, count: int, seed: int) -> Iterator[str]:
    """Flip ``count`` bits, one at a time; each was ``said``, changed nothing (``same``), or was ``silent``."""
    whole, draw = file.path.read_bytes(), np.random.default_rng(seed)
    before = file.read()
    for _ in range(count):
        changed = bytearray(whole)
        changed[draw.integers(len(whole))] ^= 1 << int(draw.integers(8))
        file.path.write_bytes(changed)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            try:
                how = "same" if file.read() == before else "silent"
            except TransferiumError:
                how = "said"
        yield "said" if said else how
    file.path.write_bytes(whole)


def kept_files(folder: Path) -> list[Kept]:
    """One file of each kind, written below ``folder``."""
    return [*_model(folder / "m"), *_candidates(folder), *_state(folder / "run" / "state"), *_store(folder / "home")]


def _model(folder: Path) -> Iterator[Kept]:
    from dataclasses import replace

    from transferium.artifact import WEIGHTS, Artifact, load_artifact
    from transferium.embedding.embed import Embedder
    from transferium.models.heads.linear import Head
    from transferium.models.sources.weight_files import read_weights
    from transferium.problems.classes import Classes
    from worlds.domains import images, tiny

    head = Head(np.random.default_rng(0).normal(size=(2, 6)), np.zeros(2))
    Artifact(replace(tiny(), tuned=True), head, Classes(("a", "b")), {"seed": 3}).save(folder)

    def answers() -> Any:
        model = load_artifact(folder)
        read = model.outputs(model.embed(images(range(2)), Embedder(None))).tolist()
        return read, model.info, model.classes, model.backbone.to_json()

    for name in ("model.json", "model.safetensors", "backbone.json", "backbone.onnx"):
        yield Kept(name, folder / name, answers)

    def weights() -> Any:
        from transferium.embedding.engines.portable import save_weights

        save_weights(load_artifact(folder).backbone, folder.parent / WEIGHTS)
        return {name: tensor.tolist() for name, tensor in read_weights(folder.parent / WEIGHTS).items()}

    yield Kept(WEIGHTS, folder / WEIGHTS, weights)


def _candidates(folder: Path) -> Iterator[Kept]:
    from transferium.artifact import load_artifact, write_head
    from transferium.job.adapt.candidates import FOLDER, LIST, saved_candidates
    from transferium.models.heads.linear import Head
    from transferium.system.saved_folder import describe_folder

    (folder / FOLDER).mkdir()
    head = Head(np.random.default_rng(1).normal(size=(2, 6)), np.zeros(2))
    write_head(head, folder / FOLDER / "coral.safetensors")
    facts = {"coral": {"temperature": 2.0, "head": head.facts()}}
    told = {"chosen": "mcc", "candidates": facts, "answers": {"dann": {"ab" * 32: 1, "cd" * 32: 0}}}
    describe_folder(folder / FOLDER / LIST, told)
    source_only = load_artifact(folder / "m")

    def read() -> Any:
        found = saved_candidates(folder, source_only, "mcc")
        return found.chosen, found.answers, {name: model.fingerprint for name, model in found.models.items()}

    for name in (LIST, "coral.safetensors"):
        yield Kept(f"{FOLDER}/{name}", folder / FOLDER / name, read)


def _state(state: Path) -> Iterator[Kept]:
    import torch

    from transferium.job.run_directory.resume import remembered
    from transferium.methods.model_selection.saved_decision import read_state, write_state
    from transferium.system.checked_files import write_sealed_json
    from transferium.training.resume.checkpoint import Checkpoints, Saved

    def checkpoint(saved: Saved | None) -> Any:
        return saved and ({name: t.tolist() for name, t in saved.tensors.items()}, saved.facts)

    tensors = {"module0/w": torch.randn(20, 5, generator=torch.Generator().manual_seed(0))}
    kept = Checkpoints(state)
    kept.save_finished(0, Saved(tensors, {"step": 3, "rate": 0.125}))
    kept.save_step(1, Saved(tensors, {"step": 5}))
    yield Kept("stage-000.safetensors", state / "stage-000.safetensors", lambda: checkpoint(kept.finished(0)))
    yield Kept("step.safetensors", state / "step.safetensors", lambda: checkpoint(kept.under_way(1)))
    options = {"data": "x", "method": "probe", "seed": 0, "settings": ["lr=0.125"]}
    told = {"format": 2, "command": "fit", "folder": "/", "versions": {"numpy": "2.0"}, "options": options}
    write_sealed_json(state / "command.json", told)
    yield Kept("command.json", state / "command.json", lambda: remembered(state.parent))
    write_state(state / "decision.json", {"about": {"seed": 1}, "method": None, "rows": [{"log_loss": 0.25}]})

    def again() -> Any:
        """What is missing is decided again, which comes to the same."""
        found = read_state(state / "decision.json")
        return found or {"about": {"seed": 1}, "method": None, "rows": [{"log_loss": 0.25}]}

    yield Kept("decision.json", state / "decision.json", again)


def _store(home: Path) -> Iterator[Kept]:
    import os

    from transferium.embedding.store.store import FeatureStore
    from transferium.embedding.store.table import Row
    from transferium.models.sources.description_cache import remembered
    from worlds.domains import tiny

    keys = [f"{i:064x}" for i in range(30)]
    rows = [Row(key, np.full(6, i, np.float32)) for i, key in enumerate(keys)]
    with FeatureStore(home).open(tiny(), "onnx") as space:
        space.write(rows)

    def stored() -> Any:
        """What is stored, and what would be computed again in the place of the rest."""
        found = {row.key: row.vector.tolist() for row in rows if row.vector is not None}
        with FeatureStore(home).open(tiny(), "onnx") as space:
            found |= {row.key: None if row.vector is None else row.vector.tolist() for row in space.read(keys)}
        return found

    yield Kept("the feature store", next((home / "features").glob("*.sqlite")), stored)
    before = os.environ.get("TRANSFERIUM_HOME")

    def described() -> Any:
        os.environ["TRANSFERIUM_HOME"] = str(home)
        try:
            return remembered(("x",), lambda: {"width": 384, "mean": [0.5, 0.25]})
        finally:
            os.environ.pop("TRANSFERIUM_HOME") if before is None else os.environ.update(TRANSFERIUM_HOME=before)

    described()
    yield Kept("a description in the cache", next((home / "backbones").glob("*.json")), described)
