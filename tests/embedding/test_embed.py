"""Every distinct example is embedded once, whatever happens around it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from transferium.data.doctor.scan import Scan, scan
from transferium.data.domain import Domain
from transferium.data.samples import Items, Rows
from transferium.embedding.embed import Embedder
from transferium.embedding.store.store import FeatureStore
from transferium.errors import DataError, InputError
from transferium.models.catalogue import find_backbone, randomised
from worlds.domains import image_files, images, png, texts, tiny


def embedder(home: Path | None, **settings: object) -> Embedder:
    return Embedder(None if home is None else FeatureStore(home), engine="torch", **settings)


def test_features_are_those_of_the_module(tmp_path: Path) -> None:
    backbone, domain = tiny(), images(range(5))
    (result,) = embedder(tmp_path)(domain, backbone)
    from transferium.data.images.decode import decode

    batch = np.stack([backbone.preprocess(decode(domain.samples.raw(i))) for i in range(5)])
    with torch.no_grad():
        expected = backbone.build()(torch.from_numpy(batch)).numpy()
    assert np.allclose(result.features, expected, atol=1e-5)
    assert result.ok.all()
    assert (result.computed, result.reused, result.engine, result.problems) == (5, 0, "torch", {})
    assert result.seconds > 0


def test_adding_ten_embeds_ten(tmp_path: Path) -> None:
    backbone = tiny()
    (first,) = embedder(tmp_path / "home")(image_files(tmp_path / "data", 40), backbone)
    (more,) = embedder(tmp_path / "home")(image_files(tmp_path / "data", 50), backbone)
    assert (first.computed, more.computed, more.reused) == (40, 10, 40)
    assert (more.features[:40] == first.features).all()


def test_without_a_store_memory_serves(tmp_path: Path) -> None:
    backbone, mine = tiny(), embedder(None)
    (first,) = mine(images(range(6)), backbone)
    (again,) = mine(images([5, 0, 7]), backbone)
    assert (again.computed, again.reused) == (1, 2)
    assert (again.features[:2] == first.features[[5, 0]]).all()
    first.features[:] = 0  # what a caller does with its own array is not remembered
    assert (mine(images([5]), backbone)[0].features == again.features[:1]).all()


def test_a_backbone_that_gives_tokens_is_refused() -> None:
    with pytest.raises(InputError, match="a row for each part, and one for each example is needed for images: pool"):
        embedder(None)(images(range(2)), replace(tiny(), output="tokens"))


def test_copies_are_computed_once(tmp_path: Path) -> None:
    (result,) = embedder(tmp_path)(images([3, 1, 3, 3, 1]), tiny())
    assert result.computed == 2
    assert (result.features[[0, 2, 3]] == result.features[0]).all()
    assert not (result.features[0] == result.features[1]).all()


def test_one_decode_serves_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transferium.embedding import picture as module

    decoded = []
    real = module.decode
    monkeypatch.setattr(module, "decode", lambda raw, at: decoded.append(1) or real(raw, at))
    first, second = tiny(0), tiny(1)
    both = embedder(tmp_path)(images(range(8)), first, second)
    assert len(decoded) == 8
    assert not np.allclose(both[0].features, both[1].features)
    for backbone, together in zip((first, second), both, strict=True):
        assert (embedder(None)(images(range(8)), backbone)[0].features == together.features).all()


def test_only_what_a_backbone_lacks_is_computed(tmp_path: Path) -> None:
    first, second = tiny(0), tiny(1)
    embedder(tmp_path)(images(range(6)), first)
    embedder(tmp_path)(images(range(4, 8)), second)
    both = embedder(tmp_path)(images(range(10)), first, second)
    assert [(e.computed, e.reused) for e in both] == [(4, 6), (6, 4)]


def test_what_cannot_be_decoded_is_said_and_remembered(tmp_path: Path) -> None:
    half = png(1)
    domain = Domain(Items([png(0), half[: len(half) // 2], b"", b"GIF89a"]), "image", list("abcd"))
    (result,) = embedder(tmp_path)(domain, tiny())
    assert result.ok.tolist() == [True, False, False, False]
    assert result.problems[1].startswith("truncated PNG")
    assert result.problems[2] == "empty file (0 bytes)"
    assert (result.features[1:] == 0).all()
    (again,) = embedder(tmp_path)(domain, tiny())
    assert again.computed == 0
    assert again.problems == result.problems


def test_a_missing_file_is_not_remembered(tmp_path: Path) -> None:
    """It is not the content's fault: when the file is back, it is embedded."""
    domain = image_files(tmp_path / "data", 3)
    scanned = scan(domain)
    (tmp_path / "data" / "1.png").rename(tmp_path / "away")
    (result,) = embedder(tmp_path / "home")(domain, tiny(), scan=scanned)
    assert result.problems == {1: "cannot be read: No such file or directory"}
    (tmp_path / "away").rename(tmp_path / "data" / "1.png")
    (again,) = embedder(tmp_path / "home")(domain, tiny(), scan=scanned)
    assert (again.computed, again.ok.all()) == (1, True)


def test_keys_of_a_scanned_domain_are_used(tmp_path: Path) -> None:
    domain = images(range(3))
    keyed = Domain(domain.samples, "image", domain.ids, keys=(*scan(domain).keys[:2], ""))
    (result,) = embedder(tmp_path)(keyed, tiny())
    assert result.problems == {2: "it could not be read when it was scanned"}
    with pytest.raises(DataError, match="the scan is of 2 examples"):
        embedder(tmp_path)(domain, tiny(), scan=scan(images(range(2))))


def test_features_pass_through() -> None:
    values = np.array([[1.0, 2.0], [np.nan, 0.0], [3.0, 4.0]])
    domain = Domain(Rows(values), "features", ["a", "b", "c"])
    (result,) = Embedder(None)(domain, find_backbone(None, "features"))
    assert result.features.dtype == np.float32
    assert result.features.tolist() == [[1, 2], [0, 0], [3, 4]]
    assert result.ok.tolist() == [True, False, True]
    assert "NaN or infinite" in result.problems[1]


def test_features_beyond_single_precision_are_no_answer_to_anything() -> None:
    domain = Domain(Rows(np.array([[1.0, 2.0], [1e300, 0.0]])), "features", ["a", "b"])
    scanned = Scan(("k", "l"), ("", ""), {})  # of a version that let them pass
    for seen in (scan(domain), scanned):
        (result,) = Embedder(None)(domain, find_backbone(None, "features"), scan=seen)
        assert result.features.tolist() == [[1, 2], [0, 0]]
        assert result.problems == {1: "too large for single precision in 0"}


def test_kinds_must_agree() -> None:
    with pytest.raises(InputError, match=r"Sequential reads image examples; .* text examples"):
        Embedder(None)(texts(["a"]), tiny())


def test_progress_ends_at_all_of_it(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    mine = embedder(tmp_path, progress=lambda what, done, total: seen.append((what, done, total)))
    mine(images(range(7)), tiny(0), tiny(1))
    assert seen[-1] == ("embed", 14, 14)
    assert ("read", 7, 7) in seen
    assert embedder(tmp_path).tick("x") is None


def test_a_random_reference_beside_its_backbone(tmp_path: Path) -> None:
    backbone = tiny()
    ours, theirs = embedder(tmp_path)(images(range(4)), backbone, randomised(backbone, seed=5))
    assert not np.allclose(ours.features, theirs.features)


def test_nothing_to_embed(tmp_path: Path) -> None:
    (result,) = embedder(tmp_path)(images([]), tiny())
    assert result.features.shape == (0, 6)
    (bad,) = embedder(tmp_path)(Domain(Items([b""]), "image", ["a"]), tiny())
    assert (bad.features.shape, bad.ok.tolist()) == ((1, 6), [False])
