"""The bundled image backbone: the same bits in any company, and close to timm's own transform and torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from transferium.data.domain import Domain
from transferium.data.samples import Files
from transferium.embedding.embed import Embedder
from transferium.models.sources.bundled import bundled
from worlds.domains import images


def test_an_image_has_the_same_bits_alone_and_in_any_company() -> None:
    backbone = bundled("efficientnet_lite0")
    together = Embedder(None)(images(range(16)), backbone)[0].features
    reversed_ = Embedder(None, workers=1)(images(range(15, -1, -1)), backbone)[0].features
    assert (reversed_[::-1] == together).all()
    for i in (0, 7):
        assert (Embedder(None)(images([i]), backbone)[0].features[0] == together[i]).all()


def ants_and_bees(folder: Path, count: int) -> Domain:
    names = sorted(str(p.relative_to(folder)) for p in folder.glob("*/*/*.jpg"))
    names = names[:: max(1, len(names) // count)]
    return Domain(Files(folder, names), "image", names)


def cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return (first * second).sum(1) / np.linalg.norm(first, axis=1) / np.linalg.norm(second, axis=1)


def test_features_are_those_of_timms_own_transform(shared_data: object) -> None:
    """On real photographs: cosine above 0.9999 to decode, resize, crop and network of timm and torch."""
    import timm
    import torch
    from PIL import Image

    domain = ants_and_bees(shared_data("hymenoptera"), 12)
    backbone = bundled("efficientnet_lite0")
    ours = Embedder(None)(domain, backbone)[0].features
    config = timm.data.resolve_model_data_config(timm.create_model("tf_efficientnet_lite0"))
    transform = timm.data.create_transform(**config, is_training=False)
    assert isinstance(domain.samples, Files)
    pictures = [Image.open(domain.samples.path(i)).convert("RGB") for i in range(len(domain))]
    with torch.no_grad():
        theirs = backbone.build()(torch.stack([transform(p) for p in pictures])).numpy()
    assert cosines(ours, theirs).min() > 0.9999


def test_decoding_at_reduced_scale_changes_features_little(shared_data: object, tmp_path: Path) -> None:
    """Photographs at four times their size, where draft mode is used: less than what a grey level of noise does.

    The stated tolerance: median cosine to a full decode above 0.998, none below 0.98.
    """
    from PIL import Image

    from transferium.data.images.decode import decode

    domain = ants_and_bees(shared_data("hymenoptera"), 8)
    backbone = bundled("efficientnet_lite0")
    assert isinstance(domain.samples, Files)
    for i in range(len(domain)):
        image = Image.open(domain.samples.path(i)).convert("RGB")
        image.resize((4 * image.width, 4 * image.height), Image.Resampling.LANCZOS).save(
            tmp_path / f"{i}.jpg", quality=92
        )
    names = [f"{i}.jpg" for i in range(len(domain))]
    large = Domain(Files(tmp_path, names), "image", names)
    drafted = Embedder(None)(large, backbone)[0].features
    full = [decode(large.samples.raw(i)) for i in range(len(large))]
    from transferium.data.samples import Items

    plain = Embedder(None)(Domain(Items(full), "image", names), backbone)[0].features
    assert not (drafted == plain).all()  # draft mode was really used
    near = cosines(drafted, plain)
    assert np.median(near) > 0.998
    assert near.min() > 0.98


@pytest.mark.parametrize("how", ["array", "picture", "bytes"])
def test_every_form_of_an_image_is_read(how: str) -> None:
    from transferium.data.images.decode import decode
    from transferium.data.samples import Items
    from worlds.domains import png

    item = {"bytes": png(0), "picture": decode(png(0)), "array": np.asarray(decode(png(0)))}[how]
    backbone = bundled("efficientnet_lite0")
    (result,) = Embedder(None)(Domain(Items([item]), "image", ["a"]), backbone)
    assert (result.features == Embedder(None)(images([0]), backbone)[0].features).all()
