"""What cannot be trained ends with exit code 2 and says what was given, what was found and what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from worlds.images import RED_GREEN, write_images

QUICK = ("size=32", "epochs=1", "augment=none")
SMALL = ("--backbone", "small_cnn")
TUNE = ("--method", "finetune", *(word for setting in QUICK for word in ("--set", setting)))


def fails(ran: object, *words: str) -> None:
    assert ran.code == 2, (ran.out, ran.err)
    assert "error: " in ran.err, ran.err
    for word in words:
        assert word in ran.err, ran.err


@pytest.fixture
def fit(images: Path, tmp_path: Path, run_cli: Callable) -> Callable:
    """``fit("lr=0")`` fine-tunes with that setting; ``more=SMALL`` a small network, which has one size."""

    def run(*settings: str, more: tuple[str, ...] = ()) -> object:
        named = {setting.partition("=")[0] for setting in settings}
        named |= {"size"} if more == SMALL else set()
        kept = [setting for setting in QUICK if setting.partition("=")[0] not in named]
        given = [word for setting in (*kept, *settings) for word in ("--set", setting)]
        return run_cli("fit", images, "--out", tmp_path / "run", "--method", "finetune", *given, *more)

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
        ("batch=-1", ("no setting 'batch'", "Did you mean 'batch_size'?")),
        ("LR=1", ("no setting 'LR'", "Did you mean 'lr'?")),
        ("dropout=1.5", ("dropout must be 0 or more and below 1; it was 1.5",)),
        ("mixup=-1", ("mixup must be 0 or more; it was -1",)),
        ("weight_decay=inf", ("weight_decay must be a finite number; it was inf",)),
        ("hidden=1000000000000", ("hidden takes widths, as in 256", "1000000000000", "65536")),
        ("size=abc", ("size takes a whole number; it was given 'abc'",)),
        ("size=100000", ("size=100000 is too large", "from 8 to 4096")),
    ],
)
def test_a_setting_that_trains_nothing(fit: Callable, tmp_path: Path, setting: str, words: tuple[str, ...]) -> None:
    fails(fit(setting), *words)
    assert not (tmp_path / "run").exists(), "nothing was begun"


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("unfreeze=block.6", ("matches nothing", "Did you mean 'blocks.6'?")),
        ("unfreeze=blocks.6.0.conv_pwl.weigt", ("matches nothing", "Did you mean 'blocks.6.0.conv_pwl.weight'?")),
        ("unfreeze=zzz", ("matches nothing", "Its blocks are")),
        ("unfreeze=99", ("unfreeze=99", "this backbone has", "give a number from 0 to")),
        ("unfreeze=-1", ("unfreeze=-1", "this backbone has", "give a number from 0 to")),
    ],
)
def test_what_may_move_is_not_there(fit: Callable, setting: str, words: tuple[str, ...]) -> None:
    fails(fit(setting), *words)


def test_an_absurd_learning_rate_is_warned_of_with_a_way_to_find_one(fit: Callable) -> None:
    ran = fit("lr=50", more=SMALL)
    assert "warning: lr=50" in ran.err and "far above" in ran.err and "the default is" in ran.err
    assert "lr=auto (--lr auto) tests a range of rates" in ran.err
    assert ran.code in (0, 2)
    if ran.code == 2:
        assert "lr=auto" in ran.err and "last good weights" in ran.err


def test_a_batch_larger_than_the_data_is_warned_of(fit: Callable) -> None:
    ran = fit("batch_size=500", "unfreeze=none", more=SMALL)
    assert ran.code == 0, ran.err
    assert "warning: batch_size=500 is more than the" in ran.err and "every step sees all" in ran.err


def test_a_batch_of_one_with_statistics_of_the_batch(fit: Callable) -> None:
    fails(fit("batch_size=1", "batch_norm=batch"), "batches of 1", "batch normalisation needs 2", "(it is 1)", "kept")
    split = "raise batch_size (it is 4, in accumulate=4 passes)"
    fails(fit("batch_size=4", "accumulate=4", "batch_norm=batch"), "batches of 1", split)


def test_a_tracker_that_is_not_there(fit: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fails(fit(more=("--track", "tensorbord")), "no tracker 'tensorbord'", "Did you mean 'tensorboard'?")
    monkeypatch.setattr("transferium.training.logs.trackers.find_spec", lambda _name: None)
    fails(fit(more=("--track", "tensorboard,wandb")), "'tensorboard' is not installed", "transferium[track]")
    fails(fit(more=("--track", "wandb")), "'wandb' is not installed", "Install it with: pip install wandb")
    assert not (tmp_path / "run").exists()


def test_a_tracker_beside_a_method_without_steps_is_told_so(
    fit: Callable, images: Path, tmp_path: Path, run_cli: Callable
) -> None:
    pytest.importorskip("tensorboard")
    ran = run_cli("fit", images, "--out", tmp_path / "probed", "--set", "size=32", "--track", "tensorboard")
    assert ran.code == 0, ran.err
    assert "warning: nothing was sent to tensorboard: ncm takes no training steps" in ran.err
    ran = fit("unfreeze=none", more=("--track", "tensorboard"))
    assert ran.code == 0 and "nothing was sent" not in ran.err, ran.err


def test_a_class_with_too_few_examples_to_be_in_every_part(tmp_path: Path, run_cli: Callable) -> None:
    data = write_images(tmp_path / "data", RED_GREEN, 8)
    write_images(data, {"blue": (60, 60, 200)}, 2, seed=1)
    out = tmp_path / "run"
    ran = run_cli("fit", data, "--out", out, "--method", "probe", "--set", "size=32", "--set", "folds=5", "--json")
    assert ran.code == 0, ran.err
    assert json.loads((out / "metrics.json").read_text())["method"] == "probe"
    found = {f["kind"]: f["message"] for f in ran.json["doctor"]["findings"]}
    assert any("blue" in message for message in found.values()), found


@pytest.fixture
def rare(tmp_path: Path) -> Path:
    """Two classes, and a third with a single example."""
    data = write_images(tmp_path / "rare", RED_GREEN, 8)
    return write_images(data, {"blue": (60, 60, 200)}, 1, seed=1)


def test_a_class_that_is_not_in_the_held_out_part_is_said(rare: Path, tmp_path: Path, run_cli: Callable) -> None:
    ran = run_cli("fit", rare, "--out", tmp_path / "run", *TUNE, "--set", "unfreeze=none")
    assert ran.code == 0, ran.err
    assert (
        "stratified; none of 'blue')"
        in json.loads((tmp_path / "run" / "metrics.json").read_text())["selection"]["data"]
    )


def test_a_class_that_one_fold_holds_alone_is_not_scored_by_a_search(
    rare: Path, tmp_path: Path, run_cli: Callable
) -> None:
    out = tmp_path / "run"
    searched = ("--search", "head_lr", "--trials", "1", "--folds", "2")
    ran = run_cli("tune", rare, "--out", out, *TUNE, "--set", "unfreeze=none", *searched)
    assert ran.code == 0, ran.err
    told = json.loads((out / "metrics.json").read_text())["selection"]
    assert "1 examples of classes too small to hold out took part in every fold" in told["notes"]
    assert told["candidates"][0]["log_loss"] < 3, "no example of a class that was never shown is among those scored"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_finished_run_is_left_as_it_was_by_every_mistake(images: Path, tmp_path: Path, run_cli: Callable) -> None:
    out = tmp_path / "run"
    assert run_cli("fit", images, "--out", out, "--method", "probe", "--set", "size=32").code == 0
    before = contents(tmp_path)
    many = ("--set", "unfreeze=99")
    fails(run_cli("fit", images, "--out", out, *TUNE, *many), "unfreeze=99")
    fails(run_cli("fit", images, "--out", out, *TUNE, *many, "--restart"), "unfreeze=99")
    fails(run_cli("fit", images, "--out", out, *TUNE, "--lr", "0"), "lr=0")
    fails(run_cli("tune", images, "--out", out, *TUNE, *many, "--trials", "1"), "Why: unfreeze=99: this backbone has")
    assert contents(tmp_path) == before and {p.name for p in tmp_path.iterdir()} == {"data", "run"}


def test_a_fault_before_anything_was_trained_leaves_nothing(
    fit: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(*_args: object) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr("transferium.job.fit.run.fit_job", fault)
    ran = fit()
    assert ran.code == 1 and "RuntimeError: planted" in ran.err
    assert not (tmp_path / "run").exists()
