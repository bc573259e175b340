"""Pretraining on a table: it learns, it goes on bit for bit, and its encoder is a backbone for rows."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import transferium as tm
from transferium.data.domain import Domain
from transferium.embedding.embed import Embedder
from transferium.errors import BackboneError, DataError, InputError
from transferium.job.fit.prepare import prepare, with_columns_of
from transferium.job.stopwatch import Stopwatch
from transferium.methods.pretraining.by_objective import check_kind_learned, find_pretraining, looked_at, objectives_of
from transferium.methods.pretraining.pretraining import Pretrained, Spot
from transferium.models.catalogue import find_backbone, randomised
from transferium.models.columns.encoding import ColumnsPreprocess
from transferium.models.columns.row_layers import RowLayers
from transferium.objectives.self_supervised.denoising import SwappedCells


def corpus(n: int = 400, seed: int = 0) -> Domain:
    """Columns that all follow one hidden number, some as levels, so that a swapped cell can be seen and mended."""
    draw = np.random.default_rng(seed)
    z = draw.normal(size=n)
    columns = {f"x{i}": (sign * z + 0.1 * draw.normal(size=n)).tolist() for i, sign in enumerate((1, -2, 3))}
    columns["level"] = np.where(z > 0, "high", "low").tolist()
    return tm.read(columns | {"label": np.where(z > 0.5, "a", "b").tolist()}, label="label", columns=[*columns])


class StoppedError(Exception):
    pass


def learned(
    folder: Path, stop: int = 0, data: Domain | None = None, start: str | None = None, **settings: object
) -> Pretrained:
    def progress(what: str, done: int, _total: int) -> None:
        if what == "pretrain" and done == stop:
            raise StoppedError

    small = {"epochs": 2, "batch_size": 32, "width": 8} if start is None else {"epochs": 1, "batch_size": 32}
    method = find_pretraining(("dae",), small | settings, "row")
    opened = method.open(corpus() if data is None else data, {})
    return method.pretrain(opened, ("dae",), start, Spot(folder, 0, progress, checkpoint_steps=1))


def written(done: Pretrained, folder: Path) -> Path:
    folder.mkdir()
    done.write(folder)
    return folder


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rows")
    return written(learned(folder / "state"), folder / "encoder")


def test_a_swapped_cell_is_mended_better_than_by_leaving_it(tmp_path: Path) -> None:
    done = learned(tmp_path, epochs=40, lr=1e-2, width=32, batch_size=128, held_share=0.25)
    assert done.beside == {"dae of the mean row": 1.0, "dae of the noisy row as it is": 0.3}
    assert done.held["dae"] < 0.8 * 0.3
    assert done.counts == {"rows": 400, "columns": 4, "train": 300, "held_out": 100}


def test_what_was_interrupted_ends_bit_for_bit_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole = learned(tmp_path / "whole", data=corpus(60))
    with pytest.raises(StoppedError):
        learned(tmp_path / "cut", stop=3, data=corpus(60))
    cut = learned(tmp_path / "cut", data=corpus(60))
    files = [written(done, tmp_path / name) / "config.json" for done, name in ((whole, "a"), (cut, "b"))]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_swapped_cells_are_cells_of_other_rows_and_of_their_own_column() -> None:
    torch.manual_seed(0)
    columns = [0, 1, 1, 2]
    x = torch.arange(2000.0)[:, None] * 4 + torch.arange(4)
    noisy = SwappedCells(columns, 0.25).noisy(x)
    assert (noisy % 4 == torch.arange(4)).all()
    changed = noisy != x
    assert torch.equal(changed[:, 1], changed[:, 2]) and torch.equal(noisy[:, 1] + 1, noisy[:, 2])
    assert abs(float(changed.float().mean()) - 0.25) < 0.02
    assert torch.equal(SwappedCells(columns, 0.0).noisy(x), x)
    cost = (noisy - x).square().mean() / (x - x.mean(0)).square().mean()
    assert abs(float(cost) - 0.5) < 0.03  # twice the rate


def test_the_encoder_is_a_backbone_whose_numbers_are_those_of_its_network(encoder: Path, tmp_path: Path) -> None:
    backbone = find_backbone(encoder, "row")
    encoding = backbone.preprocess
    assert isinstance(encoding, ColumnsPreprocess) and encoding.learned is not None
    plain = tm.embed(corpus(30, 1).unlabeled(), tm.find_backbone(None, "row"), store=False)
    features = tm.embed(corpus(30, 1).unlabeled(), encoder, store=False)
    assert backbone.pretrained and features.shape == (30, backbone.width) and backbone.width == plain.shape[1] + 8
    hidden = torch.from_numpy(features[:, :-8])
    for weight, bias in encoding.learned.layers():
        hidden = torch.relu(hidden @ torch.from_numpy(weight.copy()).T + torch.from_numpy(bias.copy()))
    np.testing.assert_allclose(features[:, -8:], hidden, atol=1e-5)
    alone = np.concatenate([tm.embed(corpus(30, 1).unlabeled().take([i]), encoder, store=False) for i in range(30)])
    assert np.array_equal(alone, features)  # a row's answer hangs on no other row
    drawn = randomised(backbone).preprocess
    assert isinstance(drawn, ColumnsPreprocess) and drawn.learned is not None
    assert drawn.codes == encoding.codes and drawn.learned != encoding.learned and drawn.width == encoding.width
    again = find_backbone(
        written(learned(tmp_path / "s2", start=str(encoder), lr=1e-30, weight_decay=0.0), tmp_path / "b"), "row"
    )
    assert again.preprocess == encoding and again.fingerprint == backbone.fingerprint


def test_a_model_on_it_is_saved_and_answers_without_pytorch(encoder: Path, tmp_path: Path) -> None:
    model = tm.TransferClassifier("ncm", backbone=encoder, store=False).fit(corpus(60))
    model.save(tmp_path / "model")
    assert np.array_equal(tm.load(tmp_path / "model").predict_proba(corpus(9, 2)), model.predict_proba(corpus(9, 2)))
    program = (
        "import sys\nimport transferium as tm\n"
        f"table = {{'x0': [1.0], 'x1': [1.0], 'x2': [1.0], 'level': ['low']}}\n"
        f"assert len(tm.load({str(tmp_path / 'model')!r}).predict(table)) == 1\nassert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_columns_that_it_does_not_have_or_does_not_know_are_said(encoder: Path) -> None:
    lacking = tm.read({"x0": [1.0, 2.0], "level": ["high", "low"]})
    with pytest.raises(DataError, match="the table has no column 'x1' and 1 more, which the model reads"):
        tm.embed(lacking, encoder, store=False)
    data = corpus(40)
    more = replace(data, samples=type(data.samples)([*data.samples.columns, replace(data.samples["x0"], name="new")]))
    prepared = prepare(more, Embedder(None), find_backbone(encoder, "row"), watch=Stopwatch())
    found = [
        f.message
        for f in with_columns_of(prepared, Embedder(None), more).diagnosis.findings
        if f.kind == "ignored-column"
    ]
    assert found == ["'new' left out: the backbone 'encoder' was made without"]


def test_what_does_not_go_is_refused(encoder: Path, tmp_path: Path) -> None:
    dae = objectives_of("dae")
    assert looked_at(corpus(), dae, {})[1] == "row"
    (tmp_path / "c.txt").write_text("a text")
    for texts in (tmp_path / "c.txt", ["one text", "another"]):
        assert looked_at(texts, dae, {}) == (texts, "text")
    with pytest.raises(InputError, match=r"dae learns from images or table rows or texts, and 'd' holds .*: leave"):
        check_kind_learned(dae, "sound", "d")
    with pytest.raises(DataError, match="has 1 different rows, and 4 or more"):
        learned(tmp_path, data=corpus(1).take([0, 0, 0, 0]))
    with pytest.raises(BackboneError, match="goes on from an encoder that one has left, and nowhere is none"):
        learned(tmp_path, start="nowhere")
    with pytest.raises(BackboneError, match="reads row examples, but the data are text examples"):
        find_backbone(encoder, "text")
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    content = (encoder / "config.json").read_text()
    (damaged / "config.json").write_text(content.replace('"sizes": [', '"sizes": [9, '))
    with pytest.raises(BackboneError, match=r"damaged/config\.json is damaged \(its layers of sizes"):
        find_backbone(damaged, "row")


def test_layers_with_numbers_that_are_not_finite_are_refused() -> None:
    saved = RowLayers.of([(np.array([[np.inf]]), np.array([0.0]))]).to_json()
    with pytest.raises(ValueError, match="not finite"):
        RowLayers.from_json(saved)
