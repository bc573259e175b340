"""Backbones for images that read sounds: pitch is kept, time is not, and the description travels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import transferium as tm
from transferium.artifact import load_artifact
from transferium.embedding.embed import Embedder
from transferium.embedding.engines.bound import open_bound
from transferium.errors import BackboneError, InputError
from transferium.models.catalogue import find_backbone, randomised, reading_as
from transferium.models.graphs.unbound_graph import UnboundGraph
from transferium.models.modality import preprocess_from_json
from transferium.models.sound_preprocess import SoundPreprocess
from worlds.recordings import note, write_sounds


def test_the_graph_answers_as_the_network_does_at_every_length() -> None:
    heard = find_backbone(None, "sound", seconds=1)
    assert isinstance(heard.graph, UnboundGraph) and heard.width == 4 * 1280
    engine, network = open_bound(heard, heard.graph), heard.build().eval()
    for frames in (33, 64):
        picture = np.random.default_rng(frames).normal(size=(1, 3, 128, frames)).astype(np.float32)
        with torch.inference_mode():
            theirs = network(torch.from_numpy(picture)).numpy()
        np.testing.assert_allclose(engine.run(picture), theirs, atol=1e-3)


def test_features_keep_pitch_and_forget_when() -> None:
    map_ = torch.zeros(1, 2, 4, 5)
    map_[0, 1, 3, 2] = 5.0

    class Body(torch.nn.Module):
        def forward_features(self, _pictures: torch.Tensor) -> torch.Tensor:
            return map_

    from transferium.models.over_time import OverTime

    assert OverTime(Body())(torch.zeros(1, 3, 8, 8)).tolist() == [[0, 0, 0, 0, 0, 0, 0, 1.0]]


def test_random_weights_read_half_as_many_moments_unless_all_are_asked_for() -> None:
    heard = find_backbone(None, "sound", seconds=1)
    frames = [
        heard.preprocess.frames,
        randomised(heard).preprocess.frames,
        randomised(heard, full=True).preprocess.frames,
    ]
    assert frames == [400, 200, 400]
    assert randomised(heard).width == heard.width and not randomised(heard).pretrained


def test_the_description_makes_the_same_preprocessing_again() -> None:
    reads = SoundPreprocess(seconds=3, rate=11025)
    assert preprocess_from_json(reads.to_json()) == reads
    assert reading_as(find_backbone(None, "sound"), reads.to_json()).preprocess == reads


@pytest.mark.parametrize(
    "changed", [{"seconds": 0}, {"seconds": 10**9}, {"bands": 10**6}, {"step": 0.001}, {"rate": 1}]
)
def test_a_description_that_makes_no_sense_is_refused(changed: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        preprocess_from_json(SoundPreprocess(seconds=1).to_json() | changed)


def test_how_much_is_read_can_be_said() -> None:
    assert find_backbone(None, "sound", seconds=2).preprocess.seconds == 2
    with pytest.raises(InputError, match="seconds=0 of a sound cannot be read; give 1 to 600"):
        find_backbone(None, "sound", seconds=0)
    with pytest.raises(InputError, match="seconds is a setting for sounds, and these are images"):
        find_backbone(None, "image", seconds=2)


def test_a_backbone_without_a_map_cannot_listen() -> None:
    with pytest.raises(BackboneError, match="small_cnn cannot read sounds"):
        find_backbone("small_cnn", "sound")


def test_a_short_sound_is_filled_up_and_a_long_one_is_cut() -> None:
    reads = SoundPreprocess(seconds=1, rate=8000)
    short, long = (reads.read((note(300, seconds=s), 8000)) for s in (0.2, 3.0))
    assert short.shape == long.shape == (3, 128, 400)
    assert (short[:, :, 90:] == short.min()).all() and not (long[:, :, 90:] == long.min()).all()
    np.testing.assert_array_equal(short[0], short[2])


def test_fit_predict_and_evaluate_of_class_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Low and high notes: fitted, saved, read back with its rate and seconds, and right on new ones."""
    monkeypatch.setenv("TRANSFERIUM_HOME", str(tmp_path / "home"))
    model = tm.TransferClassifier(store=False).fit(write_sounds(tmp_path / "notes", each=8))
    model.save(tmp_path / "model")
    artifact = load_artifact(tmp_path / "model")
    assert artifact.backbone.preprocess == SoundPreprocess(seconds=1, rate=8000)
    new = write_sounds(tmp_path / "new", each=4, seed=1, rate=16000)
    assert tm.load(tmp_path / "model").predict(new).tolist() == ["high"] * 4 + ["low"] * 4
    assert tm.load(tmp_path / "model").evaluate(new)["accuracy"].value == 1.0


def test_an_unreadable_sound_has_no_features(tmp_path: Path) -> None:
    root = write_sounds(tmp_path, each=2)
    (root / "low" / "00.wav").write_bytes(b"RIFF\x00\x00\x00\x00WAVEfmt ")
    domain = tm.read(root)
    seen = Embedder(None)(domain, find_backbone(None, "sound", seconds=1))[0]
    assert seen.ok.tolist() == [True, True, False, True] and "damaged WAV" in seen.problems[2]
