"""The network of a saved model as a backbone: from its graph alone, and with other data or sizes refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import transferium as tm
from transferium.artifact import Artifact
from transferium.embedding.embed import Embedder
from transferium.errors import BackboneError, InputError
from transferium.job.run_backbone import named_backbone
from transferium.models.heads.linear import Head
from transferium.problems.classes import Classes
from worlds.domains import images, tiny
from worlds.toy import blobs


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved model whose backbone is not found by its name."""
    folder = tmp_path_factory.mktemp("run") / "model"
    Artifact(tiny(), Head(np.eye(2, tiny().width), np.zeros(2)), Classes(("a", "b"))).save(folder)
    return folder


def test_a_saved_graph_gives_features_and_is_not_trained(run: Path) -> None:
    found = named_backbone(run, "image")
    features = Embedder(None)(images(range(4)), found)[0].features
    np.testing.assert_allclose(features, Embedder(None)(images(range(4)), tiny())[0].features, atol=1e-5)
    with pytest.raises(BackboneError, match="as a graph that can be run but not trained"):
        found.build()
    with pytest.raises(InputError, match=r"reads images of side .* only"):
        named_backbone(str(run), "image", size=48)


def test_other_data_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match="reads image examples, but the data are text examples"):
        named_backbone(run, "text")
    with pytest.raises(InputError, match="need no other backbone than their own, but 'Sequential' was given"):
        named_backbone(run, "features")
    rows = tm.TransferClassifier("ncm", store=False).fit(blobs(20))
    rows.save(tmp_path / "rows")
    with pytest.raises(BackboneError, match="reads features examples, but the data are image examples"):
        named_backbone(tmp_path / "rows", "image")
