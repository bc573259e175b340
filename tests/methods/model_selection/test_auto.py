"""Auto keeps the probe unless something proves better on folds of train, within the budget."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest

from transferium.data.domain import Domain
from transferium.data.read import read
from transferium.data.samples import Rows
from transferium.embedding.embed import Embedder
from transferium.errors import DataError, InputError
from transferium.methods import catalogue
from transferium.methods.fitted import Fitted
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.frozen.nearest_class_mean import NearestClassMean
from transferium.methods.method import Method
from transferium.methods.model_selection.auto import Auto
from transferium.methods.model_selection.trials import Trials
from transferium.methods.settings.field import setting
from transferium.methods.task import Task
from transferium.models.catalogue import find_backbone
from transferium.models.heads.linear import Head
from transferium.problems.classes import Classes
from worlds.toy import blobs


@dataclass
class Informed(Method):
    """Answers with the first coordinates, which in ``blobs`` tell the classes apart, whatever the labels say."""

    name: ClassVar[str] = "informed"
    pause_s: float = 0.0

    def fit(self, task: Task) -> Fitted:
        time.sleep(self.pause_s)
        head = Head(np.eye(2, task.backbone.width) * 5, np.zeros(2))
        return replace(LinearProbe().fit(task), method=self.name, head=head)


@dataclass
class Slow(Informed):
    """The same, at a second a fold."""

    name: ClassVar[str] = "slow"
    pause_s: float = 1.0


@pytest.fixture(autouse=True)
def candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transferium.methods.planted", SimpleNamespace(Informed=Informed, Slow=Slow))
    monkeypatch.setitem(catalogue.METHODS, "informed", "planted.Informed")
    monkeypatch.setitem(catalogue.METHODS, "slow", "planted.Slow")


def few_and_wide(n: int, noise: int) -> Domain:
    """Two clouds told apart by two coordinates among many: too few examples for the probe to find them."""
    world = blobs(n, classes=2)
    wide = np.random.default_rng(1).normal(size=(n, noise)) * 3
    return replace(world, samples=Rows(np.hstack([world.features, wide]).astype(np.float32)))


def task(train: Domain, budget_s: float | None) -> Task:
    backbone = replace(find_backbone(None, "features"), width=train.features.shape[1], kind="features")
    return Task(train, None, backbone, Embedder(None), 0, budget_s=budget_s)


@pytest.fixture
def moving(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let auto try candidates on feature rows, as it does on images and texts."""
    monkeypatch.setattr("transferium.methods.model_selection.auto.has_backbone_to_move", lambda _task: True)


def test_without_a_budget_it_is_the_probe_and_says_so() -> None:
    fitted = Auto(candidates=("informed",)).fit(task(blobs(60), None))
    assert fitted.method == "probe"
    assert "no --budget was given" in fitted.selection.notes[-1]


def test_features_have_nothing_to_move() -> None:
    fitted = Auto(candidates=("informed",)).fit(task(blobs(60), 60))
    assert "features have no backbone to move" in fitted.selection.notes[-1]


def test_what_is_clearly_better_is_kept(moving: None) -> None:
    fitted = Auto(candidates=("informed",)).fit(task(few_and_wide(60, 400), 60))
    row = fitted.selection.candidates[1]
    assert row["difference"] > (row["high"] - row["low"]) / 2
    assert row["kept"] == "better than the probe"
    assert fitted.method == fitted.selection.chosen["method"] == "informed"


def test_what_is_not_clearly_better_is_not_kept(moving: None) -> None:
    fitted = Auto(candidates=("informed",)).fit(task(blobs(200), 60))
    row = fitted.selection.candidates[1]
    assert row["difference"] <= (row["high"] - row["low"]) / 2
    assert row["kept"] == "not clearly better than the nearest class mean"
    assert fitted.method == fitted.selection.chosen["method"] == "ncm"


def test_the_nearest_class_mean_is_taken_where_it_does_as_well_on_folds_of_train() -> None:
    round_clouds = task(blobs(200), None)
    fitted, probe = Auto().fit(round_clouds), LinearProbe().fit(round_clouds)
    first, second = fitted.selection.candidates
    assert (first["method"], second["method"]) == ("probe", "ncm")
    assert second["accuracy"] >= first["accuracy"] and second["log_loss"] <= first["log_loss"]
    assert fitted.method == fitted.selection.chosen["method"] == "ncm"
    assert fitted.beside["probe"].head.equals(probe.head)
    assert fitted.selection.notes[-1] == "auto took the nearest class mean: no --budget was given to try more"


def test_the_probe_stays_where_the_nearest_class_mean_is_worse() -> None:
    stretched = blobs(200)
    rows = stretched.features * np.linspace(1, 30, stretched.features.shape[1])
    given = task(replace(stretched, samples=Rows(rows.astype(np.float32))), None)
    means, probe = NearestClassMean().fit(given), LinearProbe().fit(given)
    right = [(fitted.oof_outputs.argmax(axis=1) == given.train.y).mean() for fitted in (means, probe)]
    assert right[0] < right[1]
    fitted = Auto().fit(given)
    assert fitted.method == "probe" and fitted.head.equals(probe.head)
    assert fitted.selection.candidates == probe.selection.candidates


def test_the_budget_bounds_the_folds(moving: None) -> None:
    begin = time.perf_counter()
    fitted = Auto(candidates=("slow",), folds=5).fit(task(blobs(60), 2.5))
    assert time.perf_counter() - begin < 10  # twice over, for a busy machine
    row = fitted.selection.candidates[1]
    assert row["examples"] < 60


def test_a_candidate_that_is_too_slow_is_stopped_and_the_others_are_not_begun_too_late(
    moving: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []

    @dataclass
    class Endless(Informed):
        name: ClassVar[str] = "slow"
        epochs: int = setting(10, "passes", (1, 10))

        def fit(self, task: Task) -> Fitted:
            begun.append(self.name)
            for step in range(1000):
                task.tell("steps", step, 1000)
                clock[0] += 1.0
            raise AssertionError("nobody stopped it")

    clock = [0.0]
    monkeypatch.setattr("transferium.methods.model_selection.auto.time.perf_counter", lambda: clock[0])
    monkeypatch.setattr(sys.modules["transferium.methods.planted"], "Slow", Endless)
    fitted = Auto(candidates=("slow",)).fit(task(blobs(60), 30.0))
    row = fitted.selection.candidates[1]
    assert "shortest run of it does not fit" in row["kept"] and 10 < row["seconds"] <= 12 and begun == ["slow"]
    trials = Trials(task(blobs(60), 30.0), LinearProbe().fit(task(blobs(60), 30.0)), 3, clock[0] - 31)
    trials.attempt("slow")
    assert "does not fit" in trials.rows[-1]["kept"] and begun == ["slow"]


def test_a_candidate_that_cannot_be_fitted_is_left_out_and_the_others_are_tried(
    moving: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_self: Slow, _task: Task) -> Fitted:
        raise DataError("no class twice.")

    monkeypatch.setattr(Slow, "fit", refuse)
    fitted = Auto(candidates=("slow", "informed")).fit(task(few_and_wide(60, 200), 60))
    first, slow, informed = fitted.selection.candidates
    assert first["kept"] == "first" and slow["kept"] == "left out: no class twice." and slow["seconds"] >= 0
    assert informed["kept"] == "better than the probe" and fitted.method == "informed"


def test_a_candidate_that_is_no_method() -> None:
    with pytest.raises(InputError, match=r"auto cannot try 'finetun'\. Did you mean 'finetune'\?"):
        Auto(candidates=("finetun",))


@pytest.mark.parametrize("world", [few_and_wide(60, 400), blobs(200)])
def test_what_was_decided_before_an_interruption_is_not_decided_again(
    world: Domain, moving: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = replace(task(world, 60), workdir=tmp_path)
    first = Auto(candidates=("informed",)).fit(kept)
    assert json.loads((tmp_path / "decision.json").read_text())["rows"] == list(first.selection.candidates)
    tried = []
    monkeypatch.setattr(Trials, "attempt", lambda self, name: tried.append(name))
    again = Auto(candidates=("informed",)).fit(kept)
    assert tried == [] and again.selection == first.selection and again.method == first.method
    assert np.array_equal(again.head.weight, first.head.weight)
    Auto(candidates=("informed",)).fit(replace(kept, seed=3))
    assert tried == ["informed"], "another task decides anew"
    Auto(candidates=("slow",)).fit(kept)
    assert tried == ["informed", "slow"], "and so does another choice"


def test_a_damaged_decision_is_taken_again(moving: None, tmp_path: Path) -> None:
    (tmp_path / "decision.json").write_text("{")
    assert Auto(candidates=("informed",)).fit(replace(task(blobs(60), 60), workdir=tmp_path)).method


def test_an_example_of_a_class_that_no_other_fold_holds_is_not_compared(moving: None) -> None:
    """The probe's answer for it comes from a probe that saw it, a candidate's from one that never saw its class."""
    world = blobs(60)
    y = world.y.copy()
    y[0] = 2
    fitted = Auto(candidates=("ncm",)).fit(task(replace(world, labels=y, problem=Classes(("a", "b", "rare"))), 60))
    assert [row["examples"] for row in fitted.selection.candidates] == [59, 59]


def test_too_few_to_hold_any_out_is_the_probe_and_says_so(moving: None) -> None:
    world = blobs(20)
    two = world.take(np.array([int(world.y.argmin()), int(world.y.argmax())]))
    fitted = Auto(candidates=("ncm",)).fit(task(two, 60))
    assert fitted.method == "probe" and "too few examples to hold any out" in fitted.selection.notes[-1]


def test_few_texts_are_tried_with_setfit_first() -> None:
    few, many = (read([f"text {i}" for i in range(n)], label=["a", "b"] * (n // 2)) for n in (64, 66))
    named, features = Auto(candidates=("lp-ft",)), task(blobs(20), 60)
    assert Auto()._to_try(replace(features, train=few)) == ("setfit", *Auto().candidates)
    assert Auto()._to_try(replace(features, train=many)) == Auto().candidates
    assert named._to_try(replace(features, train=few)) == ("lp-ft",)
    assert Auto()._to_try(features) == Auto().candidates


def test_few_labels_are_asked_on_all_folds(moving: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Length on folds is given up first, then on everything, then folds; with many labels one fold is enough."""
    clock = [0.0]
    lengths: list[int] = []

    @dataclass
    class Timed(Informed):
        epochs: int = 40

        def fit(self, task: Task) -> Fitted:
            for epoch in range(self.epochs):
                task.tell("epochs", epoch, self.epochs)
                clock[0] += 0.01 * len(task.train)
            lengths.append(self.epochs)
            return super().fit(task)

    monkeypatch.setattr("transferium.methods.model_selection.auto.time.perf_counter", lambda: clock[0])
    monkeypatch.setattr(sys.modules["transferium.methods.planted"], "Informed", Timed)
    world = few_and_wide(60, 200)
    found = {}
    for few, budget in ((True, 60.0), (True, 30.0), (False, 30.0)):
        clock[0] = 0.0
        lengths.clear()
        trials = Trials(task(world, budget), LinearProbe().fit(task(world, budget)), 5, 0.0, few=few)
        trials.attempt("informed")
        kept = trials.conclude().method
        assert isinstance(kept, Timed)
        found[few, budget] = (trials.rows[-1]["examples"], lengths[-1], kept.epochs)
    assert found == {(True, 60.0): (60, 11, 40), (True, 30.0): (60, 9, 9), (False, 30.0): (12, 22, 22)}


def test_one_standard_error_is_enough_where_labels_are_few(moving: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five of forty more are right and one less: clear by one standard error, not by two."""
    world = few_and_wide(40, 200)

    def answers(right: np.ndarray) -> np.ndarray:
        return np.where((np.eye(2)[world.y] > 0) == right[:, None], 0.8, 0.2)

    at = np.arange(40)
    first = replace(LinearProbe().fit(task(world, 60)), oof_outputs=answers(at >= 10))
    candidates = {"better": answers((at >= 5) & (at != 20)), "alike": answers((at >= 9) & (at != 20))}
    taken = {}
    for few in (True, False):
        for name, planted in candidates.items():
            trials = Trials(task(world, 60), first, 5, time.perf_counter(), few=few)
            monkeypatch.setattr(trials, "_fold", lambda _method, k, a=planted, t=trials: a[t.fold == k])
            trials.attempt("informed")
            taken[few, name] = trials.conclude().method is not None
    assert taken == {(True, "better"): True, (True, "alike"): False, (False, "better"): False, (False, "alike"): False}
