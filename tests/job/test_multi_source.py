"""Votes of sources with a backbone each: saved, read back, asked, evaluated, and adapted once more."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import transferium as tm
from transferium.artifact import load_artifact
from transferium.data.domain import Domain
from transferium.data.pairing import pair_domains
from transferium.data.samples import Items
from transferium.embedding.embed import Embedder
from transferium.errors import BackboneError, DataError
from transferium.job.adapt.evaluate_adapted import evaluate_adapted
from transferium.job.adapt.given_model import GivenModel
from transferium.job.adapt.run import adapt_job
from transferium.job.options import FitOptions
from transferium.job.predict.apply import evaluate_domain
from transferium.job.stopwatch import Stopwatch
from transferium.methods.catalogue import find_method
from transferium.problems.classes import Classes
from worlds.domains import images
from worlds.toy import pictures, weights

SHORT: dict[str, Any] = {"epochs": 2, "batch_size": 8, "augment": "none", "bottleneck": 16}
VOTES = SHORT | {"sources": "votes", "tuning": "full"}


def home(seed: int) -> Domain:
    return replace(pictures(40, seed), name=f"home {seed}")


def away(n: int = 40) -> Domain:
    made = pictures(n, 50)
    items = [(110 + 0.4 * np.asarray(picture)).astype(np.uint8) for picture in made.samples.items]
    return replace(made, samples=Items(items), name="away")


def test_what_was_saved_answers_as_what_was_fitted_and_moves_again(tmp_path: Path) -> None:
    sources, target = [home(1), home(2)], away()
    fitted = tm.TransferClassifier("mcc", backbone="small_cnn", settings=VOTES).fit(target.unlabeled(), source=sources)
    fitted.save(tmp_path / "m")
    again = tm.load(tmp_path / "m")
    assert np.array_equal(again.predict_proba(target), fitted.predict_proba(target))
    other = tm.load(tmp_path / "m")
    assert again.artifact_.fingerprint == other.artifact_.fingerprint, "it is known by the files that came"
    backbone = again.artifact_.backbone
    mine, read_back = (weights(b.build()) for b in (fitted.artifact_.backbone, backbone))
    assert backbone.members == 2 and mine.keys() == read_back.keys()
    assert all(torch.equal(mine[name], read_back[name]) for name in mine)
    seen = Embedder(None)(target, backbone)[0]
    by_torch = Embedder(None, engine="torch")(target, fitted.artifact_.backbone)[0]
    assert (seen.engine, by_torch.engine) == ("onnx", "torch")
    assert np.allclose(seen.features, by_torch.features, atol=1e-4 * np.abs(by_torch.features).max())

    model = GivenModel.load(tmp_path / "m")
    settings = {"tuning": "partial", "unfreeze": 1, "rounds": 1, "augment": "none"}
    asked = FitOptions(out=tmp_path / "r", method=find_method("shot", settings), command="fit")
    adapt_job(model.pair(target.unlabeled()), asked, Embedder(None), Stopwatch(), model=model)
    moved = weights(load_artifact(tmp_path / "r").backbone.build())
    names = {".".join(name.split(".")[:3]) for name in mine if not torch.equal(mine[name], moved[name])}
    assert names == {"members.0.second", "members.1.second"}, "the last block of each"


def test_a_run_says_whether_the_votes_helped(tmp_path: Path) -> None:
    asked = FitOptions(out=tmp_path / "r", method=find_method("mcc", VOTES), command="fit", backbone="small_cnn")
    told = adapt_job(pair_domains([home(1), home(2)], away()), asked, Embedder(None), Stopwatch())
    assert "source_only" in told["references"] and "votes of the sources (0: " in str(told["selection"])
    assert told["adaptation"]["source"]["of"] == ["home 1", "home 2"]
    both = [load_artifact(tmp_path / "r"), load_artifact(tmp_path / "r" / "source_only")]
    assert [artifact.backbone.members for artifact in both] == [2, 1]
    later = evaluate_adapted(both[0], tmp_path / "r", away(60), Embedder(None), seed=0)
    alone = evaluate_domain(both[1], away(60), Embedder(None))
    assert later["references"]["source_only"]["accuracy"]["value"] == alone["accuracy"].value
    assert {row["stage"] for row in told["history"]} == {"source 0: adapt", "source 1: adapt"}


def test_weights_of_fewer_networks_than_were_saved_are_refused(tmp_path: Path) -> None:
    sources = [home(1), home(2)]
    tm.TransferClassifier("mcc", backbone="small_cnn", settings=VOTES | {"epochs": 1}).fit(
        away().unlabeled(), source=sources
    ).save(tmp_path / "m")
    described = json.loads((tmp_path / "m" / "model.json").read_text())
    del described["seal"], described["files"]  # as a model from before there were digests
    assert described["backbone"]["members"] == 2
    described["backbone"]["members"] = 3
    (tmp_path / "m" / "model.json").write_text(json.dumps(described))
    damaged = load_artifact(tmp_path / "m")
    with pytest.raises(BackboneError, match=r"backbone\.safetensors does not fit small_cnn"):
        damaged.backbone.build()
    assert Embedder(None)(away(), damaged.backbone)[0].features.shape == (40, 2048), "to answer, the graph is enough"


def test_a_source_without_a_class_cannot_vote_with_a_backbone_either() -> None:
    lacking = replace(images(range(12)), labels=np.zeros(12, np.int64), problem=Classes(("a", "b")), name="one class")
    with pytest.raises(DataError, match=r"source 1 has no example of 'b', .*: use sources=weighted or combined"):
        tm.TransferClassifier("mcc", backbone="small_cnn", settings=VOTES).fit(
            away().unlabeled(), source=[home(1), lacking]
        )


def test_the_tracks_of_each_network_are_kept_under_its_name(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    asked = FitOptions(
        out=tmp_path / "r",
        method=find_method("mcc", VOTES),
        command="fit",
        backbone="small_cnn",
        track=("tensorboard",),
    )
    adapt_job(pair_domains([home(1), home(2)], away()), asked, Embedder(None), Stopwatch())
    found = {file.relative_to(tmp_path / "r" / "track").parts[0] for file in (tmp_path / "r").rglob("events.*")}
    assert {"source 0", "source 1"} <= found, "and nobody said that nothing was sent: warnings are errors"
