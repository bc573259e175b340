"""Preprocessing is what the weights were trained with, in one step instead of two."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from transferium.errors import InputError
from transferium.models.modality import preprocess_from_json
from transferium.models.preprocess import (
    CallablePreprocess,
    ImagePreprocess,
    TextPreprocess,
)
from transferium.models.sources.bundled import bundled

PLAIN = ImagePreprocess(224, 256, "bicubic", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 512)


def picture(width: int, height: int, seed: int = 0) -> Image.Image:
    """Smooth shapes with some noise, so that a shift of half a pixel would be seen."""
    draw = np.random.default_rng(seed)
    coarse = Image.fromarray(draw.integers(0, 256, (height // 16 + 2, width // 16 + 2, 3), np.uint8))
    pixels = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.int64)
    return Image.fromarray(np.clip(pixels + draw.integers(-20, 21, pixels.shape), 0, 255).astype(np.uint8))


@pytest.mark.parametrize("side", [(500, 375), (333, 500), (640, 641), (32, 32), (1200, 90), (61, 1000)])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
def test_one_step_is_timms_resize_and_crop(side: tuple[int, int], interpolation: str) -> None:
    """Equal to timm's evaluation transform but for rounding between Pillow's passes: 3 grey levels of 255 at most."""
    from timm.data import create_transform

    ours = replace(PLAIN, interpolation=interpolation)
    theirs = create_transform(
        224, is_training=False, interpolation=interpolation, mean=PLAIN.mean, std=PLAIN.std, crop_pct=0.875
    )
    image = picture(*side)
    difference = np.abs(ours(image) - np.asarray(theirs(image)))
    level = 1 / (255 * min(PLAIN.std))
    assert difference.max() <= 3.01 * level
    assert difference.mean() <= 0.3 * level


def test_the_comparison_would_see_a_shift_of_one_pixel() -> None:
    image = picture(500, 375)
    moved = Image.fromarray(np.roll(np.asarray(image), 1, axis=1))
    assert np.abs(PLAIN(image) - PLAIN(moved)).max() > 0.5


def test_squash_keeps_the_whole_picture() -> None:
    image = Image.new("RGB", (400, 100), "black")
    image.paste("white", (0, 0, 20, 100))
    squashed = replace(PLAIN, crop="squash", resize=224)(image)
    assert squashed[0, :, :8].min() > 1.5
    assert PLAIN(image)[0].max() < 0  # the crop does not see the edge


def test_halved_sees_the_same_crop_at_half_the_side() -> None:
    half = PLAIN.cheaper()
    image = picture(500, 375)
    assert half.geometry == PLAIN.geometry
    assert half(image).shape == (3, 112, 112)
    averaged = PLAIN(image).reshape(3, 112, 2, 112, 2).mean(axis=(2, 4))
    assert np.abs(half(image) - averaged).max() < 1 / (255 * min(PLAIN.std))


def test_resized_keeps_the_share_that_the_crop_sees() -> None:
    small = PLAIN.resized(64)
    assert (small.size, small.resize, small.decode_at_least) == (64, 73, 146)
    with pytest.raises(InputError, match=r"size=4 is too small"):
        PLAIN.resized(4)


def test_fingerprints_tell_preprocessings_apart() -> None:
    every = [PLAIN, PLAIN.resized(64), PLAIN.cheaper(), replace(PLAIN, crop="squash"), replace(PLAIN, mean=(0, 0, 0))]
    assert len({pre.fingerprint() for pre in every}) == len(every)
    assert preprocess_from_json(PLAIN.to_json()) == PLAIN
    assert preprocess_from_json(None) is None


def test_decoding_at_reduced_scale_keeps_the_input() -> None:
    """Draft mode is allowed down to twice the resized side: what remains differs by JPEG rounding only."""
    import io

    from transferium.data.images.decode import decode

    stream = io.BytesIO()
    picture(2400, 1600).resize((2400, 1600)).save(stream, "JPEG", quality=95)
    drafted = decode(stream.getvalue(), PLAIN.decode_at_least)
    assert drafted.size == (1200, 800)
    full, reduced = PLAIN(decode(stream.getvalue())), PLAIN(drafted)
    assert np.corrcoef(full.ravel(), reduced.ravel())[0, 1] > 0.999


def test_texts_are_cut_to_tokens_as_transformers_does() -> None:
    from transformers import AutoTokenizer

    preprocess = bundled("all_minilm_l6_v2").preprocess
    assert isinstance(preprocess, TextPreprocess)
    texts = ["Who was the first man on the moon?", "", "naïve café 你好", "word " * 600]
    theirs = AutoTokenizer.from_pretrained(preprocess.tokenizer.parent, local_files_only=True)
    ours = preprocess(texts)
    assert ours == theirs(texts, truncation=True, max_length=256)["input_ids"]
    assert [len(ids) for ids in ours][-1] == 256
    assert len(preprocess.shortened(16)(texts)[-1]) == 16
    with pytest.raises(InputError, match="max_length=2 leaves no room"):
        preprocess.shortened(2)
    restored = preprocess_from_json(preprocess.to_json() | {"tokenizer": str(preprocess.tokenizer)})
    assert restored == preprocess
    assert preprocess.fingerprint() != preprocess.shortened(16).fingerprint()


class Named:
    def __repr__(self) -> str:
        return "Named()"

    def __call__(self, image: Image.Image) -> np.ndarray:
        return np.zeros((3, 4, 4))


def test_a_transform_is_known_by_its_repr_or_only_in_this_process() -> None:
    import subprocess
    import sys

    assert CallablePreprocess(Named()).fingerprint() == CallablePreprocess(Named()).fingerprint()
    anonymous = CallablePreprocess(lambda image: image)
    assert anonymous.fingerprint() == anonymous.fingerprint()
    code = "from transferium.models.preprocess import _this_process as p; print(p())"
    tokens = {subprocess.check_output([sys.executable, "-c", code]) for _ in range(2)}
    assert len(tokens) == 2
    with pytest.raises(InputError, match="'callable' cannot be restored"):
        preprocess_from_json(anonymous.to_json())
