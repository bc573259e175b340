"""What cannot be trained ends with exit code 2 and says what was given, what was found and what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from small_images import RED_GREEN, write_images

TUNE = ("--method", "finetune", "--set", "size=32", "--set", "epochs=1", "--set", "augment=none")


def fails(ran: object, *words: str) -> None:
    assert ran.code == 2, (ran.out, ran.err)
    assert "error: " in ran.err, ran.err
    for word in words:
        assert word in ran.err, ran.err


@pytest.fixture
def fit(images: Path, tmp_path: Path, run_cli: Callable) -> Callable:
    """``fit("lr=0")`` fine-tunes with that setting."""

    def run(*settings: str, more: tuple[str, ...] = ()) -> object:
        given = [word for setting in settings for word in ("--set", setting)]
        return run_cli("fit", images, "--out", tmp_path / "run", *TUNE, *given, *more)

    return run


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("lr=0", ("lr=0", "above 0")),
        ("lr=-0.1", ("lr=-0.1", "above 0")),
        ("head_lr=nan", ("head_lr=nan", "above 0")),
        ("lr=fast", ("lr", "'fast'")),
        ("epochs=0", ("epochs must be at least 1",)),
        ("batch_size=0", ("batch_size must be at least 1",)),
        ("patience=0", ("patience",)),
        ("epoch=3", ("no setting 'epoch'", "Did you mean 'epochs'?")),
    ],
)
def test_a_setting_that_trains_nothing(fit: Callable, tmp_path: Path, setting: str, words: tuple[str, ...]) -> None:
    fails(fit(setting), *words)
    assert not (tmp_path / "run").exists(), "nothing was begun"


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("unfreeze=block.6", ("matches nothing", "Did you mean 'blocks.6'?")),
        ("unfreeze=zzz", ("matches nothing", "Its blocks are")),
        ("unfreeze=99", ("unfreeze=99", "this backbone has", "give a number from 0 to")),
        ("unfreeze=-1", ("unfreeze=-1", "this backbone has", "give a number from 0 to")),
    ],
)
def test_what_may_move_is_not_there(fit: Callable, setting: str, words: tuple[str, ...]) -> None:
    fails(fit(setting), *words)


def test_an_absurd_learning_rate_is_warned_of_with_a_way_to_find_one(fit: Callable) -> None:
    ran = fit("lr=50")
    assert "warning: lr=50" in ran.err and "far above" in ran.err and "the default is" in ran.err
    assert ran.code in (0, 2)
    if ran.code == 2:
        assert "lr=auto" in ran.err and "last good weights" in ran.err


def test_a_batch_larger_than_the_data_is_warned_of(fit: Callable) -> None:
    ran = fit("batch_size=500", "unfreeze=none")
    assert ran.code == 0, ran.err
    assert "warning: batch_size=500 is more than the" in ran.err and "every step sees all" in ran.err


def test_a_batch_of_one_with_statistics_of_the_batch(fit: Callable) -> None:
    fails(fit("batch_size=1", "batch_norm=batch"), "batches of 1", "batch normalisation needs 2", "raise batch_size")
    fails(fit("batch_size=4", "accumulate=4", "batch_norm=batch"), "batches of 1", "raise batch_size")


def test_a_tracker_that_is_not_there(fit: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fails(fit(more=("--track", "tensorbord")), "no tracker 'tensorbord'", "Did you mean 'tensorboard'?")
    monkeypatch.setattr("transferium.training.tracks.find_spec", lambda _name: None)
    fails(fit(more=("--track", "tensorboard,wandb")), "'tensorboard' is not installed", "transferium[track]")
    assert not (tmp_path / "run").exists()


def test_a_class_with_too_few_examples_to_be_in_every_part(tmp_path: Path, run_cli: Callable) -> None:
    data = write_images(tmp_path / "data", RED_GREEN, 8)
    write_images(data, {"blue": (60, 60, 200)}, 2, seed=1)
    out = tmp_path / "run"
    ran = run_cli("fit", data, "--out", out, "--method", "probe", "--set", "size=32", "--set", "folds=5", "--json")
    assert ran.code == 0, ran.err
    assert json.loads((out / "metrics.json").read_text())["method"] == "probe"
    found = {f["kind"]: f["message"] for f in ran.json["doctor"]["findings"]}
    assert any("blue" in message for message in found.values()), found
