"""``inspect --augment`` and what a run that was augmented leaves."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from transferium.methods.fitted import Fitted
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.task import Task
from transferium.training.feeds.feeds import Feeds
from transferium.training.preview import contact_of
from worlds.images import RED_GREEN, write_images


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_contact_sheet_is_drawn_and_its_place_is_said(images: Path, tmp_path: Path, run_cli: Callable) -> None:
    ran = run_cli("inspect", images, "--augment", "strong")
    assert ran.code == 0, ran.err
    assert "4 images and 5 versions of each drawn to augment.png" in ran.out
    assert ran.out.startswith("strong = crop:0.8+flip:0.5+colour:0.4+erase:0.5: ")
    with Image.open(tmp_path / "augment.png") as sheet:
        pixels = np.asarray(sheet).astype(int)
    assert sheet.size == (8 + 6 * (224 + 8) + 8, 22 + 4 * (224 + 22) + 8)
    cells = [pixels[22 : 22 + 224, 8 + (c > 0) * 8 + c * 232 :][:, :224] for c in range(6)]
    assert all(np.ptp(cell) > 40 for cell in cells), "a picture in every cell"
    assert all(np.abs(a - b).mean() > 2 for a, b in itertools.pairwise(cells)), "each of them another"
    given = ("inspect", images, "--augment", "strong", "--out")
    assert run_cli(*given, tmp_path / "b.png").code == run_cli(*given, tmp_path / "c.jpg").code == 0
    assert run_cli(*given, tmp_path / "c.jpg").code == 0, "an earlier sheet is replaced"
    of_data = next(images.rglob("*.png"))
    before = of_data.read_bytes()
    ran = run_cli(*given, of_data)
    assert ran.code == 2 and f"--out {of_data} is not known as a contact sheet" in ran.err
    assert of_data.read_bytes() == before

    again = run_cli("inspect", images, "--augment", "strong", "--out", tmp_path / "b.png", "--json")
    assert again.json["file"] == str(tmp_path / "b.png") and len(again.json["ids"]) == 4
    assert (tmp_path / "b.png").read_bytes() == (tmp_path / "augment.png").read_bytes()


def test_an_unreadable_picture_is_passed_over(tmp_path: Path, run_cli: Callable) -> None:
    data = write_images(tmp_path / "data", RED_GREEN, 1)
    (data / "red" / "x.png").write_bytes(b"nothing")
    ran = run_cli("inspect", data, "--augment", "flip", "--json")
    assert ran.code == 0 and sorted(ran.json["ids"]) == ["green/000.png", "red/000.png"]
    for good in data.glob("*/000.png"):
        good.write_bytes(b"nothing")
    ran = run_cli("inspect", data, "--augment", "flip")
    assert ran.code == 2 and "none of the 3 images of 'data' can be read" in ran.err


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    table = tmp_path / "reviews.csv"
    words = ["a fine film with a long middle part", "nobody would call this plot a good one"]
    table.write_text("text,label\n" + "".join(f"{words[i % 2]} number {i},{i % 2}\n" for i in range(20)))
    return table


def test_texts_are_printed(reviews: Path, run_cli: Callable) -> None:
    ran = run_cli("inspect", reviews, "--text", "text", "--label", "label", "--augment", "swap:0.5")
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    originals = [line[2:] for line in lines if line.startswith("  ")]
    versions = [line[2:] for line in lines if line.startswith("→ ")]
    assert len(originals) == 4 and len(versions) == 20
    assert all(sorted(v.split()) == sorted(originals[i // 5].split()) for i, v in enumerate(versions))
    assert not Path("augment.png").exists()
    told = run_cli("inspect", reviews, "--text", "text", "--label", "label", "--augment", "swap:0.5", "--json").json
    assert [text["original"] for text in told["texts"]] == originals


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--augment", "strng"), "no augmentation preset 'strng'. Did you mean 'strong'?"),
        (("--augment", "span"), "is for texts, and these are images"),
        (("--augment", "none"), "augment='none' changes nothing in images. Try 'strong', or any of 'auto', 'light'"),
        (("--augment", "flip", "--out", "sheet.doc"), "--out sheet.doc: unknown file extension: .doc. Name a picture"),
        (("--augment", "flip", "--out", "nowhere/sheet.png"), "cannot be written: No such file or directory"),
        (("--out", "sheet.png"), "--out names the picture of --augment, and there is no --augment"),
    ],
)
def test_what_cannot_be_drawn_ends_with_2(images: Path, run_cli: Callable, options: tuple, words: str) -> None:
    ran = run_cli("inspect", images, *options)
    assert ran.code == 2 and words in ran.err, ran.err


def test_texts_and_features_have_no_picture(reviews: Path, tmp_path: Path, run_cli: Callable) -> None:
    ran = run_cli("inspect", reviews, "--text", "text", "--label", "label", "--augment", "swap", "--out", "a.png")
    assert ran.code == 2 and "holds text examples: leave --out away" in ran.err
    ran = run_cli("inspect", reviews, "--text", "text", "--label", "label", "--augment", "crop")
    assert ran.code == 2 and "is for images, and these are texts" in ran.err
    rows = tmp_path / "rows.csv"
    rows.write_text("a,b,label\n" + "".join(f"{i},{-i},{i % 2}\n" for i in range(8)))
    ran = run_cli("inspect", rows, "--label", "label", "--augment", "strong")
    assert ran.code == 2 and "there is no augmentation for table rows, only for images and texts" in ran.err


def test_an_augmented_run_keeps_its_contact_sheet(
    images: Path, tmp_path: Path, run_cli: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = LinearProbe.fit

    def augmented(self: LinearProbe, task: Task) -> Fitted:
        # What a fine-tuning leaves beside its weights, without its price.
        feeds = Feeds(task.backbone.preprocess, augment="medium+no-flip", seed=task.seed)
        return replace(fit(self, task), contact=contact_of(feeds, task.train))

    monkeypatch.setattr(LinearProbe, "fit", augmented)
    out = tmp_path / "run"
    ran = run_cli("fit", images, "--out", out, "--method", "probe", "--set", "size=32", "--json")
    assert ran.code == 0, ran.err
    told = {"recipe": "medium+no-flip = crop:0.65+colour:0.2", "file": "augmented.jpg"}
    assert ran.json["augmented"] == told == json.loads((out / "metrics.json").read_text())["augmented"]
    with Image.open(out / "augmented.jpg") as sheet:
        sheet.load()
    assert sheet.size == (8 + 6 * (128 + 8) + 8, 22 + 4 * (128 + 22) + 8), "32 pixels, enlarged four times"
    html = (out / "report.html").read_text()
    assert "What training saw" in html and 'src="data:image/jpeg;base64' in html
