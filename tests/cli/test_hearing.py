"""Audio encoders of transformers: what lies behind the end of a recording counts nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("transformers")

import transferium as tm
from transferium.embedding.embed import Embedder
from transferium.errors import BackboneError, InputError
from transferium.models.catalogue import find_backbone
from transferium.models.modality import preprocess_from_json
from transferium.models.sources.transformers_models import HEARING

SMALL: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "conv_dim": (8, 8, 8),
    "conv_stride": (5, 4, 4),
    "conv_kernel": (10, 4, 4),
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
}
DEEP = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}


def saved(folder: Path, kind: str = "wav2vec2", **more: Any) -> Path:
    """A folder with a small network of random weights, as ``save_pretrained`` writes it."""
    import torch
    import transformers

    torch.manual_seed(0)
    config = transformers.CONFIG_MAPPING[kind](**SMALL, **more)
    transformers.AutoModel.from_config(config).save_pretrained(folder)
    told = {"feature_extractor_type": "Wav2Vec2FeatureExtractor", "sampling_rate": 8000, "do_normalize": True}
    (folder / "preprocessor_config.json").write_text(json.dumps(told))
    return folder


def waves(*lengths: int) -> list[tuple[np.ndarray, int]]:
    draw = np.random.default_rng(0)
    return [(draw.normal(0, 0.1, n).astype(np.float32), 8000) for n in lengths]


@pytest.mark.parametrize(("kind", "more"), [("wav2vec2", {}), ("wav2vec2", DEEP), ("hubert", {})])
def test_a_vector_is_that_of_the_network_alone_whatever_is_read_beyond_the_end(
    kind: str, more: dict[str, Any], tmp_path: Path
) -> None:
    import torch
    import transformers

    folder, (wave,) = saved(tmp_path, kind, **more), waves(5000)
    rows = [
        Embedder(None, engine="torch")(tm.read([wave], kind="sound"), find_backbone(folder, "sound", seconds=seconds))
        for seconds in (1, 3)
    ]
    short, long = (one[0].features[0] for one in rows)
    np.testing.assert_allclose(short, long, atol=2e-6)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    heard = (wave[0] - wave[0].mean()) / np.sqrt(wave[0].var() + 1e-7)
    with torch.inference_mode():
        expected = model(torch.from_numpy(heard)[None]).last_hidden_state.mean(dim=1)[0].numpy()
    np.testing.assert_allclose(long, expected, atol=2e-6)
    assert np.abs(long).max() > 0.1


def test_a_recording_of_one_sample_and_what_is_no_network_of_sounds(tmp_path: Path) -> None:
    folder = saved(tmp_path / "own")
    backbone = find_backbone(str(folder), "sound")
    assert backbone.width == 16 and backbone.preprocess is not None
    assert preprocess_from_json(backbone.preprocess.to_json()) == backbone.preprocess
    assert np.isfinite(
        Embedder(None, engine="torch")(tm.read(waves(900, 12), kind="sound"), backbone)[0].features
    ).all()
    config = json.loads((folder / "config.json").read_text()) | {"model_type": "whisper"}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(BackboneError, match=f"own is a whisper, which reads no sounds: .* {', '.join(HEARING)}"):
        find_backbone(folder, "sound")
    with pytest.raises(BackboneError, match="there is no backbone"):
        find_backbone("nothing", "sound")
    with pytest.raises(InputError, match="seconds=601"):
        find_backbone(saved(tmp_path / "two"), "sound", seconds=601)


@pytest.mark.slow
def test_fit_predict_and_no_tuning(tmp_path: Path, run_cli: Callable) -> None:
    import soundfile

    draw = np.random.default_rng(0)
    for i in range(24):
        pitch = (300, 1500)[i % 2] + draw.uniform(-50, 50)
        wave = np.sin(np.arange(4000 + 100 * i) * 2 * np.pi * pitch / 8000) + draw.normal(0, 0.05, 4000 + 100 * i)
        (folder := tmp_path / "data" / ("low", "high")[i % 2]).mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / f"{i}.wav", 0.3 * wave, 8000)
    named = ("--backbone", saved(tmp_path / "net"), "--no-store")
    ran = run_cli(
        "fit", tmp_path / "data", *named, "--method", "probe", "--engine", "torch", "--out", tmp_path / "run", "--json"
    )
    assert ran.code == 0, ran.err
    assert "net" in str(ran.json["backbone"])
    ran = run_cli("predict", tmp_path / "run", tmp_path / "data", "--json")
    assert ran.code == 0 and len(ran.json) == 24, ran.err
    ran = run_cli("fit", tmp_path / "data", *named, "--method", "finetune", "--out", tmp_path / "tuned")
    assert ran.code == 2 and "a network that hears samples is not tuned here" in ran.err
    assert not (tmp_path / "tuned").exists()
