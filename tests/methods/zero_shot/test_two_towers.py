"""Zero-shot of pictures: a model of the CLIP kind, beside what transformers itself says."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from tokenizers import Tokenizer

import transferium as tm
from transferium.data.domain import Domain
from transferium.embedding.embed import Embedder
from transferium.errors import BackboneError, InputError
from transferium.functional.linear_classifier import softmax
from transferium.methods.few_shots.setfit import SetFit
from transferium.methods.task import Task
from transferium.methods.zero_shot.zero_shot import IN_WORDS, ZeroShot
from transferium.models.catalogue import find_backbone
from transferium.models.prompting.two_towers import two_towers
from transferium.models.sources.transformers_models import quiet
from transferium.models.sources.wrapped import randomised
from worlds.clip import saved_clip

SAID = {"cat": "cat", "dog": ["dog", "big dog"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip")
    saved_clip(path)
    return path


def photos(n: int = 6) -> Domain:
    rng = np.random.default_rng(0)
    images = [Image.fromarray(rng.integers(0, 256, (40, 40, 3), np.uint8)) for _ in range(n)]
    return tm.read(images, label=["cat", "dog"] * (n // 2), name="photos")


def task(folder: Path) -> Task:
    torch.set_num_threads(1)
    return Task(photos(), None, find_backbone(folder, "image"), Embedder(None, engine="torch"), 0)


@torch.no_grad()
def theirs(folder: Path, given: Task, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """``logits_per_image`` and the unit features of the texts, of texts read one at a time."""
    model = transformers.CLIPModel.from_pretrained(folder).eval()
    reads, tokenizer = given.backbone.preprocess, Tokenizer.from_file(str(folder / "tokenizer.json"))
    images = [given.train.samples.raw(i) for i in range(len(given.train))]
    pixels = torch.from_numpy(np.stack([reads.read(image) for image in images]))
    answers = [model(torch.tensor([tokenizer.encode(text).ids]), pixels) for text in texts]
    logits = np.concatenate([a.logits_per_image.numpy() for a in answers], axis=1)
    return logits, np.concatenate([a.text_embeds.numpy() for a in answers])


def test_logits_are_those_of_transformers(folder: Path) -> None:
    given = task(folder)
    fitted = ZeroShot({"cat": "cat", "dog": "big dog"}, ("a photo of a {}.",)).fit(given)
    seen = given.embed(given.train, fitted.backbone).features
    expected, _ = theirs(folder, given, ["a photo of a cat.", "a photo of a big dog."])
    np.testing.assert_allclose(fitted.head.logits(seen), expected, atol=1e-5)
    assert np.ptp(expected, axis=0).min() > 1e-3 and fitted.backbone.width == 8 != given.backbone.width


def test_templates_and_descriptions_are_averaged_and_each_template_is_shown(folder: Path) -> None:
    given = task(folder)
    fitted = ZeroShot(SAID).fit(given)
    seen = given.embed(given.train, fitted.backbone).features
    rows = []
    for template in IN_WORDS["image"].templates:
        _, unit = theirs(folder, given, [template.format(text) for text in ("cat", "dog", "big dog")])
        alone = np.stack([unit[0], unit[1:].mean(axis=0)])
        rows.append(alone / np.linalg.norm(alone, axis=1, keepdims=True))
    mean = np.mean(rows, axis=0)
    scale = two_towers(given.backbone).scale
    unit = seen / np.linalg.norm(seen, axis=1, keepdims=True)
    expected = scale * unit @ (mean / np.linalg.norm(mean, axis=1, keepdims=True)).T
    np.testing.assert_allclose(fitted.head.outputs(seen), softmax(expected), atol=1e-5)
    assert list(fitted.beside) == ["template 'a photo of a {}.'", "template 'a picture of a {}.'", "template '{}'"]
    assert scale == pytest.approx(1 / 0.07, rel=1e-4)


def test_random_weights_read_the_same_side_and_other_features(folder: Path) -> None:
    given = task(folder)
    random = randomised(given.backbone)
    assert random.preprocess == given.backbone.preprocess  # its places are counted
    towers, real = two_towers(random), two_towers(given.backbone)
    assert not np.allclose(towers.texts(["a dog"]), real.texts(["a dog"]))
    assert towers.pictures.fingerprint != real.pictures.fingerprint
    np.testing.assert_array_equal(towers.texts(["a dog"]), two_towers(random).texts(["a dog"]))
    assert np.isfinite(real.texts(["dog " * 99])).all()  # cut to the places that there are


def test_what_has_no_tower_for_words_is_refused_by_name(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match=r"model of the CLIP kind, and efficientnet_lite0 is none"):
        ZeroShot().check_backbone(find_backbone(None, "image"))
    thin = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    with quiet():
        transformers.ViTModel(transformers.ViTConfig(**thin, image_size=32, patch_size=8)).save_pretrained(tmp_path)
    shutil.copy(folder / "preprocessor_config.json", tmp_path)
    with pytest.raises(BackboneError, match=r"is none: .*This folder holds a ViTModel"):
        ZeroShot().check_backbone(find_backbone(tmp_path, "image"))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "open_clip_config.json").write_text("{}")
    with pytest.raises(BackboneError, match=r"is of open_clip, which is not read here"):
        find_backbone(tmp_path / "other", "image")
    with pytest.raises(InputError, match=r"stands in a sentence beside a text, and these are images"):
        ZeroShot(templates=("{text} {mask}",)).check_data(photos())
    with pytest.raises(InputError, match=r"say nothing"):
        ZeroShot().check_data(tm.read([Image.new("RGB", (9, 9))] * 2, label=["0", "1"]))


def test_setfit_reads_pictures_of_the_same_folder(folder: Path) -> None:
    fitted = SetFit(pairs=1).fit(task(folder))
    assert fitted.backbone.kind == "image" and fitted.backbone.tuned
