"""Mixed rows: a table with pictures and texts among its columns, each read by its own backbone."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import transferium as tm
from transferium.artifact import load_artifact
from transferium.data.doctor.scan import scan
from transferium.data.mixed_table import MixedTable
from transferium.data.pairing import pair_domains
from transferium.embedding.embed import Embedder
from transferium.embedding.store.store import FeatureStore
from transferium.errors import DataError, InputError, TransferiumWarning
from transferium.methods.task import Task
from transferium.models.catalogue import find_backbone, randomised
from transferium.models.mixed.mixed_preprocess import MixedPreprocess
from transferium.serving.intake import intake_of, read_json
from transferium.serving.served_model import ServedModel
from worlds.films import write_films

TYPES = {"poster": "image", "title": "text"}
ASKED = ("--label", "rating", "--type", "poster=image", "--type", "title=text")

SMALL = ("--set", "size=32", "--set", "folds=3", "--backbone", "title=char_ngrams")


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_films(tmp_path_factory.mktemp("films"))


@pytest.fixture(scope="module")
def trained(films: Path) -> Path:
    from transferium.cli import main

    with pytest.raises(SystemExit) as ended:
        main(["fit", str(films), *ASKED, "--out", str(films.parent / "run"), *SMALL, "--quiet"])
    assert ended.value.code in (0, None)
    return films.parent / "run"


def test_a_mixed_row_is_better_than_without_any_of_its_parts_and_missing_cells_are_said(trained: Path) -> None:
    run = json.loads((trained / "metrics.json").read_text())
    assert run["kind"] == "mixed" and run["backbone"] == "efficientnet_lite0 + char_ngrams + columns"
    adds = {row["without"]: row["adds"] for row in run["ablations"]}
    assert [*adds] == ["poster", "title", "categories", "numbers"]
    assert all(adds[name]["low"] > 0 for name in ("poster", "title", "numbers"))
    assert adds["categories"]["low"] < 0.1, "the studio says nothing"
    whole = run["test"]["mae"]["value"]
    for row in run["ablations"]:
        assert row["test"]["mae"]["value"] - whole == pytest.approx(row["adds"]["value"])
    assert {"mean", "no_transfer", "gradient_boosting"} <= {*run["references"]}
    said = {finding["message"] for finding in run["doctor"]["findings"] if finding["kind"] == "missing-cell"}
    assert any("'poster'" in one and "the cell is empty): 3" in one and "empty file" in one for one in said)
    assert any("'title'" in one and "empty text" in one for one in said)
    assert "HistGradientBoostingRegressor without 'poster' and 'title' is" in run["verdict_sentence"]
    page = (trained / "report.html").read_text(encoding="utf-8")
    assert "<span>data</span> mixed rows<" in page and 'id="ablations"' in page
    assert " · title: " in page, "examples are shown by what of them can be written"


def test_a_saved_model_answers_a_table_with_the_same_columns(trained: Path, tmp_path: Path, run_cli: Callable) -> None:
    new = write_films(tmp_path / "new", 40, seed=1, gaps=False)
    ran = run_cli("evaluate", trained, new, "--json")
    assert ran.code == 0, ran.err
    assert ran.json["examples"] == 40 and ran.json["r2"]["value"] > 0.8
    (new.parent / "posters" / "2.png").unlink()
    ran = run_cli("predict", trained, new, "--json")
    assert ran.code == 0 and "column 'poster': 1 cell could not be read (No such file or directory): 2" in ran.err
    assert len(ran.json) == 40 and all(np.isfinite(row["predicted"]) for row in ran.json)
    assert [row["id"] for row in ran.json if row.get("missing") == ["poster"]] == ["2"]
    new.write_text(new.read_text().replace("title", "name", 1))
    ran = run_cli("predict", trained, new)
    assert ran.code == 2 and "has no column 'title'" in ran.err


def test_a_server_reads_pictures_as_base64_and_no_path(trained: Path, films: Path) -> None:
    poster = (films.parent / "posters" / "0.png").read_bytes()
    cells = {"title": "jokes", "year": 1985, "studio": "A"}
    rows = [{**cells, "poster": base64.b64encode(poster).decode()}, {**cells, "poster": None}]
    served = ServedModel(trained)
    assert {*intake_of(served.artifact).example} == {"poster", "title", "year", "studio"}
    with pytest.warns(TransferiumWarning, match="'poster': 1 cell could not be read"):
        (answers,) = served.answers([read_json(served.artifact, {"rows": rows}, 9)])
    assert "missing" not in answers[0] and answers[1]["missing"] == ["poster"]
    asked = {**{name: [cell] for name, cell in cells.items()}, "poster": [str(films.parent / "posters" / "0.png")]}
    assert tm.load(trained).predict(tm.read(asked, types=TYPES))[0] == pytest.approx(answers[0]["value"], abs=1e-6)
    with pytest.raises(InputError, match="entry 0 is no base64"):
        read_json(served.artifact, {"rows": [{**cells, "poster": str(films.parent / "posters" / "0.png")}]}, 9)
    with pytest.raises(InputError, match="'rows' are all objects"):
        read_json(served.artifact, {"rows": [[1, 2]]}, 9)


def test_a_model_of_mixed_rows_comes_back_as_it_was(trained: Path, films: Path) -> None:
    artifact = load_artifact(trained)
    encoding = artifact.backbone.preprocess
    assert isinstance(encoding, MixedPreprocess)
    assert [cell.filled for cell in encoding.cells] and [cell.name for cell in encoding.cells] == ["poster", "title"]
    domain = tm.read(films, label="rating", types=TYPES)
    first, again = (Embedder(None)(domain, load_artifact(trained).backbone)[0] for _ in range(2))
    np.testing.assert_array_equal(first.features, again.features)
    assert artifact.learned.marks(artifact.as_read(_scanned(domain))).sum() == 60


def _scanned(domain: tm.Domain) -> tm.Domain:
    scan(domain)
    return domain


def test_cells_are_embedded_as_examples_of_their_kind_once_and_weigh_alike(films: Path, tmp_path: Path) -> None:
    domain, store = tm.read(films, label="rating", types={"title": "text"}, drop="poster"), FeatureStore(tmp_path)
    embedder = Embedder(store)
    fitted = embedder.fitted(find_backbone(None, "mixed"), domain)
    features = embedder(domain, fitted)[0].features
    texts = tm.read(domain.samples.examples("title").samples.items, kind="text")
    assert Embedder(store)(texts, find_backbone(None, "text"))[0].computed == 0, "texts alone find them in the store"
    title = fitted.preprocess.cells[0]
    at = features.shape[1] - title.width
    there = np.arange(len(domain)) != 9
    np.testing.assert_allclose(features[there, at:-1].var(axis=0).sum(), 1, rtol=1e-4)
    assert not features[9, at:-1].any() and features[9, -1] == 1 and not features[there, -1].any()
    assert fitted.preprocess.without(["title"]).width == at


def test_a_frame_holds_mixed_rows_and_content_decides_what_is_a_copy(films: Path) -> None:
    frame = {"title": ["so", "so", None, "it"], "n": [1.5, 1.5, 1.5, 1.5], "label": [0, 1, 0, 1]}
    domain = tm.read(frame, label="label", types={"title": "text"})
    table = domain.samples
    assert domain.kind == "mixed" and isinstance(table, MixedTable) and table.raw(3) == {"title": "it", "n": 1.5}
    keys = scan(domain).keys
    assert keys[0] == keys[1] != keys[2] and len({*keys}) == 3
    part = domain.take([3, 2]).samples
    assert isinstance(part, MixedTable) and part.join([part]).keys() == [keys[3], keys[2]] * 2
    whole = tm.read(films, types=TYPES)
    assert whole.samples.names == ("year", "studio", "rating", "poster", "title")


def test_tables_are_joined_and_aligned_with_their_columns_of_examples() -> None:
    here = {"title": ["so", "it"], "n": [1, 2], "more": [3, 4], "label": ["a", "b"]}
    there = {"n": [5.5, 6.5], "title": ["is", None]}
    source, target = tm.read(here, label="label", types={"title": "text"}), tm.read(there, types={"title": "text"})
    pair = pair_domains([source, source], target)
    assert pair.source.samples.names == pair.target.samples.names == ("n", "title")
    assert [pair.source.samples.raw(i)["title"] for i in range(4)] == ["so", "it"] * 2
    assert pair.target.samples.raw(1) == {"n": 6.5, "title": ""}
    assert any("'more'" in finding.message for finding in pair.findings)


def test_pictures_that_rows_of_a_folder_name_are_not_left_aside(tmp_path: Path) -> None:
    write_films(tmp_path / "data", 20)
    domain = tm.read(tmp_path / "data", label="rating", types=TYPES)
    assert domain.kind == "mixed" and len(domain) == 20
    assert set(domain.ignored["images"]) == {"posters/3.png", "posters/5.png"}, "two that no row names"


def test_a_task_fits_what_reads_mixed_rows_and_random_weights_too() -> None:
    frame = {"title": ["so", "it", "is", "so it"], "n": [1.5, 2.5, 0.5, 3.5], "label": [0.1, 0.2, 0.3, 0.4]}
    domain = tm.read(frame, label="label", types={"title": "text"})
    fitted = Task(domain, None, find_backbone(None, "mixed"), Embedder(None), 0).backbone
    assert fitted.pretrained and fitted.width == 384 + 1
    random = Task(domain, None, randomised(fitted), Embedder(None), 0).backbone
    assert not random.pretrained and random.width == fitted.width and random.fingerprint != fitted.fingerprint
    with pytest.raises(DataError, match="the model reads column 'title' as text, and it is given as image"):
        fitted.preprocess.seen(tm.read({"title": ["1.png"], "n": [1]}, types={"title": "image"}).samples)


def test_labels_are_never_read_as_examples_too() -> None:
    table = {"id": ["a", "b"], "title": ["x y", "z"], "label": ["p", "q"]}
    domain = tm.read(table, types={"title": "text", "label": "text"})
    assert {*domain.samples.names} == {"title", "label"} and domain.labels is None
    domain = tm.read(table, types={"title": "text", "id": "text"})
    assert {*domain.samples.names} == {"title", "id"} and list(domain.ids) == ["0", "1"]
    alone = domain.samples.select([])
    assert alone.numbers().shape == (2, 0)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (("--type", "title=image"), "was given twice for column 'title': as text and as image"),
        (("--text", "title"), "column 'title' was named twice: as a column of mixed rows, and for another use"),
        (("--type", "rating=text"), "column 'rating' was named twice"),
        (("--backbone", "char_ngrams"), "say which one is to have 'char_ngrams', as --backbone poster=char_ngrams"),
        (("--backbone", "year=char_ngrams"), "the table has no column 'year' of pictures, texts or sounds"),
        (("--backbone", "poster=char_ngrams"), "char_ngrams reads text examples, but the data are image examples"),
        (("--set", "seconds=3"), "no column is read by the setting seconds"),
        (("--drop", "title"), "column 'title' is to be used and to be dropped"),
        (("--type", "gone=text"), "has no column 'gone'"),
        (("--type", "year=picture"), "'picture' is no type of a column"),
        (("--method", "finetune"), "there is no training for mixed rows, only for images"),
    ],
)
def test_bad_options_are_said(
    asked: tuple[str, ...], message: str, films: Path, tmp_path: Path, run_cli: Callable
) -> None:
    ran = run_cli("fit", films, *ASKED, *asked, "--out", tmp_path / "run")
    assert ran.code == 2 and message in ran.err and "Traceback" not in ran.err
    assert not (tmp_path / "run").exists()


def test_a_column_without_anything_to_read_is_left_out_and_said(tmp_path: Path, run_cli: Callable) -> None:
    draw = np.random.default_rng(0)
    lines = [f"{x:.3f},,{2 * x + 1:.3f}" for x in draw.normal(size=30)]
    (tmp_path / "t.csv").write_text("\n".join(["x,note,y", *lines]))
    ran = run_cli("fit", tmp_path / "t.csv", "--label", "y", "--type", "note=text", "--out", tmp_path / "run", "--json")
    assert ran.code == 0, ran.err
    assert any("'note' left out: no value in the training part" in f["message"] for f in ran.json["doctor"]["findings"])
    assert "ablations" not in ran.json, "there is one kind of column alone"
    nothing = tm.read({"note": [None, ""], "label": [0, 1]}, label="label", types={"note": "text"})
    with pytest.raises(DataError, match="there is no column to learn from: 'note': no value in the training part"):
        Embedder(None).fitted(find_backbone(None, "mixed"), nothing)


def test_features_of_mixed_rows_are_written_and_what_was_missing_is_said(
    films: Path, tmp_path: Path, run_cli: Callable
) -> None:
    named = ("--type", "title=text", "--drop", "poster", "--label", "rating", "--out", tmp_path / "features")
    ran = run_cli("embed", films, *named)
    assert ran.code == 0, ran.err
    assert "80 vectors of" in ran.out and "column 'title': 1 cell could not be read (empty text): 9" in ran.err


def test_prose_in_a_table_is_left_out_with_the_way_to_include_it(films: Path, run_cli: Callable) -> None:
    text = films.read_text().replace("\n", " and much more of it\n").replace("rating and much more of it", "rating,why")
    rows = [line.replace(" and much", f",it is the film {i} and much") for i, line in enumerate(text.splitlines())]
    (films.parent / "prose.csv").write_text("\n".join(rows))
    ran = run_cli("inspect", films.parent / "prose.csv", "--label", "rating", "--drop", "poster")
    assert "to learn from them too, say it is text (--type title=text): 'title', 'why'" in ran.out + ran.err


def test_mixed_rows_need_named_columns() -> None:
    with pytest.raises(InputError, match="no reader of data in memory for mixed rows"):
        tm.read([[1, "a"], [2, "b"]], kind="mixed")
    with pytest.raises(InputError, match="image and mixed were asked for at once: name one kind of example, or say of"):
        tm.read({"a": ["x", "y"], "b": ["1.png", "2.png"]}, types={"a": "text"}, image="b")
    with pytest.raises(InputError, match="mixed rows have columns of examples: name each, as types="):
        tm.read({"a": ["x", "y"], "b": [1, 2]}, kind="mixed")
    with pytest.raises(DataError, match="holds no numbers"):
        _ = tm.read({"a": ["x", "y"], "b": [1, 2]}, types={"a": "text"}).features
