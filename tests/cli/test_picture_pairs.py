"""Pairs of pictures: two columns, each picture embedded once; what is wrong with a side is said."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import transferium as tm
from transferium.data.doctor.scan import scan
from transferium.embedding.embed import Embedder
from transferium.embedding.store.store import FeatureStore
from transferium.errors import DataError, InputError
from transferium.job.fit.run import fit_job
from transferium.job.options import FitOptions
from transferium.job.stopwatch import Stopwatch
from transferium.methods.catalogue import find_method
from transferium.models.catalogue import find_backbone

RED, BLUE = (200, 40, 40), (40, 40, 200)


def picture(colour: tuple[int, ...], seed: int = 0) -> Image.Image:
    noise = np.random.default_rng(seed).integers(-40, 40, (24, 24, 3))
    return Image.fromarray(np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8))


def written(folder: Path, n: int = 60) -> Path:
    """A table of pairs out of ten red and ten blue pictures; whether both have one colour is the label."""
    folder.mkdir(exist_ok=True)
    for i in range(20):
        picture((RED, BLUE)[i % 2], i).save(folder / f"{i}.png")
    draw = np.random.default_rng(0)
    with (folder / "pairs.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["left", "right", "alike"])
        for i in range(n):
            first = int(draw.integers(2))
            second = first if i % 2 else 1 - first
            sides = [f"{2 * draw.integers(10) + colour}.png" for colour in (first, second)]
            writer.writerow([*sides, "yes" if i % 2 else "no"])
    return folder / "pairs.csv"


def test_each_picture_is_embedded_once_and_its_features_are_those_of_a_picture(tmp_path: Path) -> None:
    store, red, blue = FeatureStore(tmp_path), picture(RED), picture(BLUE)
    pairs = tm.read([(red, blue), (blue, red), (red, red)], kind="image_pair")
    first = Embedder(store)(pairs, find_backbone(None, "image_pair", size=64))[0]
    assert first.computed == 2 and first.features.shape == (3, 4 * 1280) and first.ok.all()
    alone = Embedder(store)(tm.read([red, blue], kind="image"), find_backbone(None, "image", size=64))[0]
    assert alone.computed == 0, "a job on pictures finds them in the store"
    u, v = alone.features
    expected = np.concatenate([u, v, np.abs(u - v), u * v * np.float32(np.sqrt(1280))])
    np.testing.assert_allclose(first.features[0], expected, rtol=1e-6)


def test_a_pair_of_which_a_side_cannot_be_read_is_put_aside_and_said(tmp_path: Path) -> None:
    picture(RED).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"")
    (tmp_path / "c.png").write_bytes((tmp_path / "a.png").read_bytes()[:60])
    rows = "a.png,a.png\na.png,none.png\n,b.png\na.png,c.png\n"
    (tmp_path / "pairs.csv").write_text(f"one,two\n{rows}")
    pairs = tm.read(tmp_path / "pairs.csv", image=("one", "two"))
    assert pairs.kind == "image_pair" and list(pairs.ids) == ["0", "1", "2", "3"]
    problems = scan(pairs).problems
    assert "second image: cannot be read: No such file" in problems[1]
    assert problems[2].startswith("first image: ") and "second image: empty file (0 bytes)" in problems[2]
    embedded = Embedder(None)(pairs, find_backbone(None, "image_pair", size=64))[0]
    assert embedded.ok.tolist() == [True, False, False, False]
    assert embedded.problems[3].startswith("second image: ")
    assert not embedded.features[3].any()


def test_pairs_of_pictures_in_tables_of_every_form(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    picture(RED).save(tmp_path / "a.png")
    picture(BLUE).save(tmp_path / "b.png")
    files = [tmp_path / "a.png", tmp_path / "b.png"]
    encoded = {"x": [file.read_bytes() for file in files], "y": [file.read_bytes() for file in files[::-1]]}
    pq.write_table(pa.table(encoded | {"label": [0, 1]}), tmp_path / "pairs.parquet")
    named = {"x": list(map(str, files)), "y": list(map(str, files[::-1])), "label": [0, 1]}
    read = [tm.read(one, image=("x", "y")) for one in (tmp_path / "pairs.parquet", named)]
    assert len({scan(domain).keys for domain in read}) == 1 and {domain.kind for domain in read} == {"image_pair"}
    assert read[0].samples.raw(1) == tuple(file.read_bytes() for file in files[::-1])
    for columns in ({"image": ("x", "x")}, {"image": ("x", "y"), "text": ("x", "y")}, {"image": ("x", "y", "label")}):
        with pytest.raises(InputError, match=r"two different ones for pairs of images|at once"):
            tm.read(named, **columns)
    with pytest.raises(DataError, match="no column 'z'"):
        tm.read(named, image=("x", "z"))
    with pytest.raises(InputError, match="item 0 is str and no pair"):
        tm.read(["a.png"], kind="image_pair")


def test_fit_evaluate_predict_and_what_pairs_cannot_do(tmp_path: Path, run_cli: Callable) -> None:
    data, run = written(tmp_path / "data"), tmp_path / "run"
    columns: dict[str, Any] = {"image": ("left", "right"), "label": "alike"}
    options = FitOptions(
        run, find_method("probe", {}), backbone=find_backbone(None, "image_pair", size=64), columns=columns
    )
    told = fit_job(tm.read(data, **columns), options, Embedder(None), Stopwatch())
    assert told["kind"] == "image_pair" and told["test"]["accuracy"]["value"] > 0.8
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "<span>data</span> pairs of images<" in page and "data:image/" in page
    ran = run_cli("evaluate", run, data, "--json")
    assert ran.code == 0 and ran.json["accuracy"]["value"] > 0.8, ran.err
    ran = run_cli("predict", run, data, "--image", "right", "--image", "left", "--json")
    assert ran.code == 0 and len(ran.json) == 60, ran.err
    named = ("--image", "left", "--image", "right", "--label", "alike", "--method", "finetune")
    ran = run_cli("fit", data, *named, "--out", tmp_path / "other")
    assert ran.code == 2 and "for pairs of images" in ran.err and not (tmp_path / "other").exists()
    ran = run_cli("predict", run, tmp_path / "data" / "1.png")
    assert ran.code == 2 and "Traceback" not in ran.err
