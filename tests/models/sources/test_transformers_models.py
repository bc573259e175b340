"""transformers encoders from folders that save_pretrained wrote."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

from transferium.errors import BackboneError, InputError
from transferium.models.catalogue import catalogue, find_backbone, randomised
from transferium.models.preprocess import ImagePreprocess, TextPreprocess
from transferium.models.surgery.blocks import block_names
from worlds.bert import saved_text


def ids_of(backbone_preprocess: object, text: str) -> torch.Tensor:
    assert isinstance(backbone_preprocess, TextPreprocess)
    return torch.tensor(backbone_preprocess([text]))


def test_a_text_folder_pools_by_the_mean(tmp_path: Path) -> None:
    model = saved_text(tmp_path)
    backbone = find_backbone(tmp_path, "text")
    assert (backbone.width, backbone.kind) == (16, "text")
    assert backbone.preprocess == TextPreprocess(tmp_path / "tokenizer.json", 40, 0)
    module = backbone.build()
    assert (
        backbone.blocks
        == block_names(module)
        == (
            "model.embeddings",
            "model.encoder.layer.0",
            "model.encoder.layer.1",
        )
    )
    ids = ids_of(backbone.preprocess, "a dog runs")
    with torch.no_grad():
        assert torch.allclose(module(ids), model(input_ids=ids).last_hidden_state.mean(dim=1), atol=1e-6)


@pytest.mark.parametrize("pooling", ["pooling_mode_cls_token", "pooling_mode_max_tokens"])
def test_sentence_transformers_pooling_is_read(tmp_path: Path, pooling: str) -> None:
    model = saved_text(tmp_path, pooling)
    backbone = find_backbone(tmp_path, "text", max_length=8)
    ids = ids_of(backbone.preprocess, "a cat sleeps " * 20)
    assert ids.shape == (1, 8)
    with torch.no_grad():
        tokens = model(input_ids=ids).last_hidden_state
        expected = tokens[:, 0] if "cls" in pooling else tokens.amax(dim=1)
        assert torch.allclose(backbone.build()(ids), torch.nn.functional.normalize(expected), atol=1e-6)
        padded, mask = torch.nn.functional.pad(ids, (0, 3)), torch.nn.functional.pad(torch.ones_like(ids), (0, 3))
        assert torch.allclose(backbone.build()(padded, mask), backbone.build()(ids), atol=1e-5)


def test_unknown_pooling_is_refused(tmp_path: Path) -> None:
    saved_text(tmp_path, "pooling_mode_lasttoken")
    with pytest.raises(BackboneError, match="pools by pooling_mode_lasttoken"):
        find_backbone(tmp_path, "text")


def test_without_a_tokenizer_file(tmp_path: Path) -> None:
    saved_text(tmp_path)
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(BackboneError, match=r"has no tokenizer.json. Load it once with transformers' AutoTokenizer"):
        find_backbone(tmp_path, "text")


def test_weights_that_do_not_fit(tmp_path: Path) -> None:
    saved_text(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))
    with pytest.raises(BackboneError, match=r"lacks weights for .*encoder.layer.2"):
        find_backbone(tmp_path, "text")


class Malicious:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return os.mkdir, (str(self.path),)


def test_a_malicious_pickle_is_refused(tmp_path: Path) -> None:
    saved_text(tmp_path / "m")
    (tmp_path / "m" / "model.safetensors").unlink()
    torch.save({"embeddings.weight": Malicious(tmp_path / "owned")}, tmp_path / "m" / "pytorch_model.bin")
    with pytest.raises(BackboneError, match=r"pickle that holds more than tensors"):
        find_backbone(tmp_path / "m", "text")
    assert not (tmp_path / "owned").exists()


def saved_vision(folder: Path, pooler: bool) -> torch.nn.Module:
    torch.manual_seed(1)
    config = transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, image_size=32, patch_size=8
    )
    model = transformers.ViTModel(config, add_pooling_layer=pooler).eval()
    model.save_pretrained(folder)
    processor = {
        "size": {"height": 32, "width": 32},
        "resample": 2,
        "image_mean": [0.5, 0.4, 0.3],
        "image_std": [0.5, 0.5, 0.5],
        "do_normalize": True,
        "image_processor_type": "ViTImageProcessor",
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    return model


@pytest.mark.parametrize("pooler", [True, False])
def test_a_vision_folder_pools_by_what_was_trained(tmp_path: Path, pooler: bool) -> None:
    model = saved_vision(tmp_path, pooler)
    backbone = find_backbone(tmp_path, "image")
    assert backbone.preprocess == ImagePreprocess(
        32, 32, "bilinear", (0.5, 0.4, 0.3), (0.5, 0.5, 0.5), 64, crop="squash"
    )
    pictures = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        output = model(pixel_values=pictures)
        expected = output.pooler_output if pooler else output.last_hidden_state[:, 0]
        assert torch.allclose(backbone.build()(pictures), expected, atol=1e-6)
    with pytest.raises((InputError, BackboneError), match=r"side (32|64)"):
        find_backbone(tmp_path, "image", size=64)


def test_a_vision_model_of_the_hub_is_no_encoder_of_sounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved_vision(tmp_path, True)
    monkeypatch.setattr("transferium.models.sources.hub.repository", lambda _name, _files: tmp_path)
    with pytest.raises(BackboneError, match="small-vit cannot read sounds: of the backbones for images"):
        find_backbone("hf/us/small-vit", "sound")


def test_preprocessing_is_that_of_the_image_processor(tmp_path: Path) -> None:
    saved_vision(tmp_path, True)
    processor = transformers.AutoImageProcessor.from_pretrained(tmp_path, local_files_only=True, backend="pil")
    backbone = find_backbone(tmp_path, "image")
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 90, 3), np.uint8))
    theirs = np.asarray(processor(image, return_tensors="np")["pixel_values"])[0]
    assert np.abs(backbone.preprocess(image) - theirs).max() < 1.01 * 2 / 255


def test_random_weights_of_the_same_shape(tmp_path: Path) -> None:
    saved_text(tmp_path)
    backbone = find_backbone(tmp_path, "text")
    random = randomised(backbone)
    mine, theirs = random.build().state_dict(), backbone.build().state_dict()
    assert {k: v.shape for k, v in mine.items()} == {k: v.shape for k, v in theirs.items()}
    words = "model.embeddings.word_embeddings.weight"
    assert not torch.equal(mine[words], theirs[words])


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match=r"has no readable config.json"):
        find_backbone(tmp_path, "image")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(BackboneError, match=r"neither timm's \(with 'architecture'\) nor transformers'"):
        find_backbone(tmp_path, "image")


def test_a_cached_model_that_says_not_what_it_reads_is_not_taken_for_one_of_texts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    for name, sign in (("texts", "tokenizer.json"), ("images", "preprocessor_config.json"), ("sounds", "other.json")):
        folder = tmp_path / f"models--us--{name}" / "snapshots" / "0"
        folder.mkdir(parents=True)
        for file in ("config.json", sign):
            (folder / file).write_text("{}")
        (folder / "model.safetensors").touch()
    found = {row["name"]: row["kind"] for row in catalogue() if row["name"].startswith("hf/")}
    assert found == {"hf/us/texts": "text", "hf/us/images": "image"}
