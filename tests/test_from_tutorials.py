"""Every command of docs/from-tutorials.md runs, and each of its recipes has a figure that was measured."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from test_documented import typed
from transferium.cli import main
from worlds.images import write_images

DOCS = Path(__file__).resolve().parents[1] / "docs"
ENGLISH, CHINESE = ((DOCS / name).read_text(encoding="utf-8") for name in ("from-tutorials.md", "zh/from-tutorials.md"))
COMMANDS = [line for line in typed(ENGLISH) if line.startswith("transferium ")]
COLOURS = {"one": (200, 60, 60), "two": (60, 200, 60)}
SENTENCES = ("The old boat left the harbour at dawn.", "Nobody on the pier waved.", "It came back without its nets.")
RESULTS = json.loads((DOCS.parent / "benchmarks" / "results" / "tutorials.json").read_text(encoding="utf-8"))["figures"]


def shortened(command: str) -> list[str]:
    """The words of the command with one epoch, small pictures, and small networks where one is trained."""
    words = shlex.split(re.sub(r"epochs=\d+", "epochs=1", command))[1:]
    trained = "--method" in words and "--source" not in words
    more = ["size=32"] if words[0] == "fit" and not trained else []
    if trained:
        words = [*shlex.split(re.sub(r" --set size=\d+", "", " ".join(words))), "--backbone", "small_cnn"]
    if "epochs=1" not in words and (trained or words[0] == "pretrain" or "dan" in words):
        more.append("epochs=1")
    if "corpus.txt" in words:
        more += ["layers=1", "width=16", "heads=2", "length=32", "vocabulary=100"]
    return [*words, *(part for setting in more for part in ("--set", setting))]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the page calls its data, made small."""
    monkeypatch.chdir(tmp_path)
    for seed, part in enumerate(("hymenoptera_data/train", "hymenoptera_data/val", "cifar10/train", "cifar10/test")):
        write_images(tmp_path / part, COLOURS, 8, seed)
    for seed, part in enumerate(("amazon", "webcam")):
        write_images(tmp_path / part, COLOURS, 8, 10 + seed)
    write_images(tmp_path / "unlabelled", {"any": (90, 90, 160)}, 24, 20)
    documents = (" ".join(f"{line} It was the {i}th day." for line in SENTENCES) for i in range(4, 20))
    (tmp_path / "corpus.txt").write_text("\n\n".join(documents), encoding="utf-8")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::transferium.errors.TransferiumWarning")  # so few examples are warned of
def test_every_command_runs(data: None, tmp_path: Path) -> None:
    for command in COMMANDS:
        with pytest.raises(SystemExit) as end:
            main(["--quiet", *shortened(command)])
        assert not end.value.code, command
        out = re.search(r"--out (\S+)", command)
        assert out is None or (tmp_path / out[1]).is_dir(), command


def test_the_page_has_a_command_and_a_figure_for_each_recipe() -> None:
    recipes = re.split(r"^## ", ENGLISH, flags=re.M)[1:]
    assert len(recipes) == len(RESULTS)
    for recipe in recipes:
        assert "```python\n" in recipe and "\n```\ntransferium " in recipe, recipe[:60]
        assert re.findall(r"`python benchmarks/tutorials\.py (\w+)`", recipe.replace("\n", " ")), recipe[:60]


def test_each_part_that_is_named_was_measured() -> None:
    named = re.findall(r"`python benchmarks/tutorials\.py (\w+)`", ENGLISH.replace("\n", " "))
    assert set(named) == set(RESULTS)
