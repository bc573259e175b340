"""Names, near misses and kinds."""

from __future__ import annotations

import pytest

from transferium.errors import BackboneError, InputError
from transferium.models.catalogue import catalogue, find_backbone
from transferium.models.preprocess import ImagePreprocess, TextPreprocess


def test_the_defaults() -> None:
    image, text, rows = (find_backbone(None, kind) for kind in ("image", "text", "features"))
    assert (image.name, text.name, rows.name) == ("efficientnet_lite0", "all_minilm_l6_v2", "features")
    assert rows.preprocess is None
    assert rows.build()(3) == 3
    assert find_backbone("features", "features").fingerprint == rows.fingerprint


def test_settings() -> None:
    image = find_backbone("efficientnet_lite0", "image", size=64)
    assert isinstance(image.preprocess, ImagePreprocess)
    assert image.preprocess.size == 64
    assert find_backbone(image, "image", size=32).preprocess.size == 32
    text = find_backbone(None, "text", max_length=32)
    assert isinstance(text.preprocess, TextPreprocess)
    assert text.preprocess.max_length == 32


@pytest.mark.parametrize(
    ("spec", "kind", "settings", "message"),
    [
        (
            "efficientnet_lit0",
            "image",
            {},
            r"no backbone 'efficientnet_lit0' here. Did you mean 'efficientnet_lite0'\?",
        ),
        ("resnet500", "image", {}, r"Did you mean 'timm/resnet50"),
        (
            "q",
            "image",
            {},
            r"Choose from 'all_minilm_l6_v2', 'char_ngrams', 'efficientnet_lite0', 'efficientnet_lite1', "
            r"'efficientnet_lite2', 'small_cnn', 'small_speech', 'small_transformer'. Or timm",
        ),
        (
            "efficientnet_lite0",
            "text",
            {},
            "reads image examples, but the data are text examples; try 'all_minilm_l6_v2'",
        ),
        ("timm/resnet18", "text", {}, "reads image examples, but the data are text"),
        ("efficientnet_lite0", "features", {}, "feature rows need no other backbone than their own"),
        (None, "text", {"size": 64}, "size is a setting for images"),
        (None, "image", {"max_length": 64}, "max_length is a setting for texts"),
        (None, "image", {"transform": str}, "transform= belongs to a module of your own"),
        (None, "images", {}, r"kind='images' is unknown. Did you mean 'image'\?"),
        (None, None, {}, "kind=None is unknown. Choose from 'features', 'image', 'image_pair', 'mixed', "),
        (3, "image", {}, "a name, a folder, a Backbone or an nn.Module; got int"),
    ],
)
def test_what_cannot_be_found_is_said(spec: object, kind: str, settings: dict[str, object], message: str) -> None:
    with pytest.raises((BackboneError, InputError), match=message):
        find_backbone(spec, kind, **settings)


def test_the_catalogue_says_what_is_here() -> None:
    rows = {row["name"]: row for row in catalogue()}
    lite = rows["efficientnet_lite0"]
    assert (lite["kind"], lite["width"], lite["licence"], lite["available"]) == ("image", 1280, "Apache-2.0", True)
    assert 18_000_000 < lite["size_bytes"] < 19_000_000
    assert rows["all_minilm_l6_v2"]["size_bytes"] > 90_000_000
