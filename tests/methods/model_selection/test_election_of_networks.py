"""An election among adaptations that move the backbone: who is compared with what, and what is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from transferium.data.domain import Domain
from transferium.data.samples import Items
from transferium.embedding.embed import Embedder
from transferium.errors import InputError
from transferium.methods.adaptation_task import AdaptationTask
from transferium.methods.adapted_model import source_reader
from transferium.methods.catalogue import method_class
from transferium.methods.deep_adaptation.network import SourceNetwork
from transferium.methods.holdout import HELD, hold_out
from transferium.methods.model_selection.auto import Auto
from transferium.methods.model_selection.evidence import evidence_of
from transferium.models.catalogue import find_backbone
from worlds.toy import picture_backbone, pictures

ASKED = {"tuning": "full", "epochs": 2, "augment": "none"}


def paler(domain: Domain) -> Domain:
    items = [(110 + 0.4 * np.asarray(picture)).astype(np.uint8) for picture in domain.samples.items]
    return replace(domain, samples=Items(items), name="paler")


def task(workdir: Path | None = None) -> AdaptationTask:
    torch.set_num_threads(1)
    target = paler(pictures(60, 50)).unlabeled()
    embedder = Embedder(None, engine="torch")
    return AdaptationTask(pictures(60), None, picture_backbone(), embedder, 0, unlabeled=target, workdir=workdir)


def test_source_only_is_the_same_network_without_the_target() -> None:
    shared = {"tuning": "full", "epochs": 3, "batch_size": 16, "augment": "none"}
    alone = method_class("cdan")(**shared).source_only()
    assert isinstance(alone, SourceNetwork)
    assert {name: getattr(alone, name) for name in shared} == shared
    assert method_class("cdan")().source_only() is None, "a probe of the source"
    assert method_class("coral")().source_only() is None


def test_networks_move_the_backbone_and_the_others_adapt_what_source_only_learned() -> None:
    given = task()
    chosen = Auto(adaptations=("prototypes", "mcc"), **ASKED).adapt(given)
    beside = chosen.beside
    assert beside["source-only"].method == "source-network"
    assert beside["source-only"].backbone.fingerprint != given.backbone.fingerprint
    assert set(beside) == {"source-only", "prototypes", "mcc"}
    learned = beside["source-only"].backbone.fingerprint
    assert beside["prototypes"].backbone.fingerprint == learned
    assert beside["mcc"].backbone.fingerprint not in (learned, given.backbone.fingerprint)
    assert chosen.selection.chosen["method"] in beside


def test_a_method_that_leaves_the_source_behind_reads_it_as_it_did_before() -> None:
    given = task()
    settings = {"tuning": "full", "epochs": 4, "augment": "none", "rounds": 2, "adapt_lr": 1e-2, "backbone_lr": 1e-2}
    shot = method_class("shot")(**settings).adapt(given)
    backbone, head = source_reader(shot)
    alone = method_class("shot")(**settings, weight=0.0).adapt(given)
    assert backbone.fingerprint == alone.backbone.fingerprint != shot.backbone.fingerprint
    seen = evidence_of(given, shot)
    held = hold_out(given, HELD).held
    expected = head.logits(given.embed(held, backbone).features) / head.temperature
    assert np.array_equal(seen.source_logits, expected)


def test_an_election_goes_on_where_it_was_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Auto(adaptations=("mcc",), **ASKED).adapt(task())
    adapt = SourceNetwork.adapt

    def stop(self: SourceNetwork, given: AdaptationTask) -> None:
        adapt(self, given)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(SourceNetwork, "adapt", stop)
        Auto(adaptations=("mcc",), **ASKED).adapt(task(tmp_path))
    assert (tmp_path / "source-only").is_dir()
    steps: list[tuple[str, int, int]] = []
    again = replace(task(tmp_path), progress=lambda *step: steps.append(step))
    resumed = Auto(adaptations=("mcc",), **ASKED).adapt(again)
    assert len(steps) < 4, "source only was trained again instead of being loaded"
    assert resumed.head.equals(whole.head) and resumed.backbone.fingerprint == whole.backbone.fingerprint


def test_settings_that_no_adaptation_takes_are_refused_before_anything_is_fitted() -> None:
    with pytest.raises(InputError, match="tuning cannot be 'ful'"):
        Auto(tuning="ful")
    with pytest.raises(InputError, match="auto cannot try 'corall'"):
        Auto(adaptations=("corall",))


def test_an_untrained_network_learns_small_pictures_from_the_source() -> None:
    backbone = find_backbone("small_cnn", "image")
    assert not backbone.pretrained and backbone.preprocess.size == 28
    given = replace(task(), backbone=backbone)
    settings = {"tuning": "full", "epochs": 6, "batch_size": 16, "augment": "none", "lr": 3e-3}
    model = SourceNetwork(**settings).adapt(given)
    test = pictures(80, 9)
    assert (model.head.predict(given.embed(test, model.backbone).features) == test.y).mean() > 0.85
    moved = dict(model.backbone.build().named_buffers())["first.1.running_mean"]
    assert float(moved.abs().max()) > 0, "an untrained network normalises by the statistics of its batches"
