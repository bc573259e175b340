"""Searching settings: on training examples alone, resumable, pruned, and never mixed with another search."""

from dataclasses import replace

import numpy as np
import optuna
import pytest
import torch

from transferium.embedding.embed import Embedder
from transferium.errors import DataError, InputError
from transferium.methods.catalogue import METHODS, method_class
from transferium.methods.model_selection import search as module
from transferium.methods.model_selection.search import Tuned
from transferium.methods.task import Task
from transferium.models.catalogue import find_backbone
from transferium.problems.classes import Classes
from worlds.toy import blobs, picture_backbone, pictures

FAST = {"fixed": {"epochs": 1, "batch_size": 16}, "search": ("lr=1e-4:1e-1", "unfreeze=all,none"), "folds": 2}


def task(n=40, **change):
    torch.set_num_threads(1)
    return Task(pictures(n), None, picture_backbone(), Embedder(None, engine="torch"), 0, **change)


def states(fitted):
    return [row["state"] for row in fitted.selection.candidates]


def test_the_best_trial_is_fitted_and_every_trial_is_told():
    fitted = Tuned(trials=4, **FAST).fit(task())
    rows = fitted.selection.to_json()["candidates"]
    assert [row["trial"] for row in rows] == [0, 1, 2, 3]
    assert rows[0]["lr"] == 1e-4 and rows[0]["unfreeze"] == "all"
    finished = [row for row in rows if row["state"] == "complete"]
    best = min(finished, key=lambda row: row["log_loss"])
    assert fitted.selection.chosen["trial"] == best["trial"]
    assert fitted.method == "finetune" and fitted.history
    assert all(0 <= row["accuracy"] <= 1 and row["seconds"] >= 0 for row in rows)


def test_the_search_finds_the_setting_that_is_known_to_work():
    """With a rate that cannot move anything the answer is chance; the search must leave it."""
    method = Tuned(
        trials=3,
        fixed={"epochs": 6, "batch_size": 8, "unfreeze": "none"},
        search=("head_lr=0.000001,0.1",),
        folds=2,
    )
    fitted = method.fit(task(60))
    assert fitted.selection.chosen["head_lr"] == "0.1"


def test_no_trial_sees_the_fold_it_is_scored_on(monkeypatch):
    given, seen = task(), []
    inner = module.find_method

    class Watched:
        def __init__(self, method):
            self.method = method

        def __getattr__(self, name):
            return getattr(self.method, name)

        def fit(self, part):
            seen.append(frozenset(part.train.ids))
            return self.method.fit(part)

    monkeypatch.setattr(module, "find_method", lambda name, settings: Watched(inner(name, settings)))
    Tuned(trials=2, **FAST).fit(given)
    everyone = frozenset(given.train.ids)
    folds, whole = seen[:-1], seen[-1]
    assert whole == everyone
    assert all(part < everyone for part in folds) and folds[0] | folds[1] == everyone
    assert not (everyone - folds[0]) & (everyone - folds[1])


def test_an_interrupted_search_goes_on_with_the_trials_it_has(tmp_path, monkeypatch):
    runs = []
    fold = module.FoldLoss.answers

    def counted(self, settings, k):
        runs.append(settings["lr"])
        if len(runs) == 5:
            raise KeyboardInterrupt
        return fold(self, settings, k)

    monkeypatch.setattr(module.FoldLoss, "answers", counted)
    with pytest.raises(KeyboardInterrupt):
        Tuned(trials=4, **FAST).fit(task(workdir=tmp_path))
    stopped = runs[-1]
    fitted = Tuned(trials=4, **FAST).fit(task(workdir=tmp_path))
    assert len(states(fitted)) == 4 and "fail" not in states(fitted)
    assert stopped in runs[5:], "the trial that was cut off is tried again"
    assert runs.count(1e-4) == 2, "what was finished is not done again"


def proposed(study, count):
    """What is proposed next, every trial ending alike; the first of a study is the method's defaults."""
    trials = []
    for _ in range(count):
        trials.append(study.ask({"lr": optuna.distributions.FloatDistribution(1e-4, 1e-1)}))
        study.tell(trials[-1], 1.0)
    return [trial.params["lr"] for trial in trials]


def test_a_reopened_study_proposes_nothing_twice(tmp_path):
    given = task(workdir=tmp_path)
    found = [lr for _ in range(3) for lr in proposed(module.open_study(Tuned(**FAST), given), 4)]
    assert len(set(found)) == 12


def test_machines_that_share_a_study_propose_otherwise(tmp_path, monkeypatch):
    found = []
    for machine in range(3):
        monkeypatch.setattr(module.os, "getpid", lambda machine=machine: machine)
        found.append(proposed(module.open_study(Tuned(storage=str(tmp_path / f"{machine}.db"), **FAST), task()), 4))
    assert len({lr for other in found for lr in other[1:]}) == 9


def test_a_search_that_is_not_interrupted_is_the_same_every_time():
    first, again = (proposed(module.open_study(Tuned(**FAST), task()), 4) for _ in range(2))
    assert first == again


def test_settings_that_cannot_work_count_as_a_trial_and_are_told(tmp_path):
    fixed, shared = {"batch_size": 1, "epochs": 1}, str(tmp_path / "shared.db")
    method = Tuned(trials=2, fixed=fixed, search=("batch_norm=batch",), folds=2, storage=shared)
    with pytest.raises(InputError, match=r"no trial .* \(2 tried\)\. Why: stream 'target' gives batches"):
        method.fit(task())
    study = module.open_study(method, task())
    assert len(study.trials) == 2 and all("batch normalisation" in t.user_attrs["failed"] for t in study.trials)


def test_a_study_of_which_nothing_came_does_not_stand_in_the_way(tmp_path):
    with pytest.raises(InputError, match=r"no trial .* Why: unfreeze=9: this backbone has 3 blocks"):
        Tuned(trials=1, fixed={"epochs": 1, "unfreeze": 9}, search=("lr",), folds=2).fit(task(workdir=tmp_path))
    assert not list(tmp_path.iterdir())


def test_the_same_backbone_that_reads_otherwise_is_another_search(tmp_path):
    """The fingerprint of the weights does not change with the side of the input."""
    given, storage = task(), str(tmp_path / "study.db")
    method = Tuned(trials=1, storage=storage, **FAST)
    module.open_study(method, given)
    other = replace(given.backbone, preprocess=given.backbone.preprocess.resized(24))
    with pytest.raises(InputError, match=r"another search: .*preprocessing.size 16 → 24\. Repeat that search"):
        module.open_study(method, replace(given, backbone=other))


def rare(domain):
    """The same examples, the first of them of a class of its own."""
    y = domain.y.copy()
    y[0] = 2
    return replace(domain, labels=y, problem=Classes(("a", "b", "rare")))


def test_an_example_of_a_class_that_no_other_fold_holds_is_always_trained_on_and_never_scored(monkeypatch):
    fold, held = module.FoldLoss.answers, []

    def watched(self, settings, k):
        answers, y = fold(self, settings, k)
        held.extend(y)
        assert 2 in self.task.train.y[self.fold != k]
        return answers, y

    monkeypatch.setattr(module.FoldLoss, "answers", watched)
    given = task()
    fitted = Tuned(trials=1, fixed={"epochs": 1}, search=("lr",), folds=2).fit(replace(given, train=rare(given.train)))
    assert sorted(set(held)) == [0, 1] and len(held) == 39
    assert "1 examples of classes too small to hold out took part in every fold" in fitted.selection.notes


def test_the_folds_that_were_used_are_the_folds_that_are_told():
    given = task()
    y = np.where(np.arange(40) < 2, 1, 0)
    few = replace(given, train=replace(given.train, labels=y))
    fitted = Tuned(trials=1, fixed={"epochs": 1}, search=("lr",), folds=5).fit(few)
    assert fitted.selection.data.startswith("2 folds of the training part")
    assert "2 folds and not 5: the smallest class has only 2 independent examples" in fitted.selection.notes
    with pytest.raises(DataError, match=r"too few to hold any out: no class has 2 independent .* Add examples"):
        Tuned(trials=1, folds=2).fit(replace(given, train=given.train.take(np.array([0, int(given.train.y.argmin())]))))


def test_a_search_that_has_its_trials_only_fits(tmp_path, monkeypatch):
    first = Tuned(trials=2, **FAST).fit(task(workdir=tmp_path / "a"))
    monkeypatch.setattr(module.FoldLoss, "__call__", lambda *_: pytest.fail("nothing is left to try"))
    again = Tuned(trials=2, **FAST).fit(task(workdir=tmp_path / "a"))
    assert again.selection.chosen == first.selection.chosen
    assert np.array_equal(again.head.weight, first.head.weight)


def test_several_machines_share_a_study_and_its_count(tmp_path):
    storage = f"sqlite:///{tmp_path}/shared.db"
    Tuned(trials=2, storage=storage, **FAST).fit(task())
    second = Tuned(trials=3, storage=storage, **FAST).fit(task())
    assert len(second.selection.candidates) == 3


def test_hopeless_trials_are_pruned_after_a_fold(monkeypatch):
    losses = iter([0.1] * 12 + [9.0] * 9)
    made = []

    def fold(self, settings, k):
        made.append(k)
        wrong = 1 - np.exp(-next(losses))
        return np.array([[1 - wrong, wrong]]), np.array([0])

    monkeypatch.setattr(module.FoldLoss, "answers", fold)
    study = module.open_study(method := Tuned(trials=6, **(FAST | {"folds": 3})), task())
    module.run_trials(study, method, module.FoldLoss(method, task(), np.arange(40) % 3))
    kinds = [t.state.name for t in study.trials]
    assert kinds[:4] == ["COMPLETE"] * 4 and set(kinds[4:]) == {"PRUNED"}
    assert len(made) == 4 * 3 + 2


@pytest.mark.parametrize(
    ("fixed", "search", "loss", "accuracy"),
    [
        ({}, ("lr",), 0.75 * np.log(1 / 0.9) + 0.25 * np.log(1 / 0.2), 0.75),
        ({"sampling": "balanced"}, ("lr",), 0.5 * np.log(1 / 0.9) + 0.5 * np.log(1 / 0.2), 0.5),
        ({}, ("class_weights",), 0.75 * np.log(1 / 0.9) + 0.25 * np.log(1 / 0.2), 0.75),
    ],
)
def test_where_classes_are_balanced_each_counts_alike(monkeypatch, fixed, search, loss, accuracy):
    answers, y = np.array([[0.9, 0.1]] * 3 + [[0.8, 0.2]]), np.array([0, 0, 0, 1])
    monkeypatch.setattr(module.FoldLoss, "answers", lambda self, settings, k: (answers, y))
    method = Tuned(trials=1, fixed=fixed | {"epochs": 1, "batch_size": 16}, search=search, folds=2)
    row = method.fit(task()).selection.candidates[0]
    assert row["log_loss"] == pytest.approx(loss) and row["accuracy"] == pytest.approx(accuracy)


def test_a_study_of_another_search_is_refused(tmp_path):
    storage = str(tmp_path / "study.db")
    Tuned(trials=1, storage=storage, **FAST).fit(task())
    with pytest.raises(InputError, match=r"belongs to another search: training examples 40 .* → 44 image"):
        Tuned(trials=2, storage=storage, **FAST).fit(task(44))
    with pytest.raises(InputError, match=r"folds 2 → 3"):
        Tuned(trials=2, storage=storage, **(FAST | {"folds": 3})).fit(task())
    optuna.create_study(study_name="theirs", storage=f"sqlite:///{storage}").add_trial(optuna.create_trial(value=1.0))
    with pytest.raises(InputError, match="was not made by this program"):
        Tuned(trials=2, storage=storage, study="theirs", **FAST).fit(task())


def test_a_storage_that_cannot_be_opened_is_said(tmp_path):
    with pytest.raises(InputError, match="cannot be opened"):
        Tuned(trials=1, storage=f"sqlite:///{tmp_path}/no/such/folder/x.db", **FAST).fit(task())


def test_a_table_of_features_can_be_searched_too():
    domain = blobs(60)
    given = Task(domain, None, find_backbone(None, "features"), Embedder(None), 0)
    fitted = Tuned(method="probe", search=("folds=2:4",), trials=2, folds=2).fit(given)
    assert fitted.method == "probe" and len(fitted.selection.candidates) == 2
    everything = Tuned(method="probe", trials=2, folds=2).fit(given)
    assert set(everything.selection.chosen) >= {"Cs", "folds"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"trials": 0}, "trials must be at least 1"),
        ({"folds": 1}, "folds must be at least 2"),
        ({"method": "finetun"}, "no method 'finetun'"),
        ({"method": "auto"}, "auto chooses by itself"),
        ({"timeout_s": 0.0}, "timeout_s must be above 0, or none; it was 0.0"),
        ({"fixed": {"lr": "0.1"}, "search": ("lr",)}, "lr is both fixed by --set and searched"),
        ({"fixed": {"rl": "0.1"}}, "has no setting 'rl'"),
    ],
)
def test_what_cannot_be_searched_is_said_before_anything_runs(change, message):
    with pytest.raises(InputError) as error:
        Tuned(**change)
    assert message in str(error.value)


def test_an_interrupted_search_ends_as_if_it_had_not_been(tmp_path, monkeypatch):
    """Killed in any trial, also in the first, which is the method's defaults."""
    given = Tuned(trials=7, **FAST)
    losses = iter(range(10**6))

    def quick(self, settings, k):
        if next(losses) == at:
            raise KeyboardInterrupt
        answers = np.full((8, 2), 0.5)
        answers[:, 0] += abs(np.log10(settings["lr"]) + 2.3) / 10
        return answers / answers.sum(axis=1, keepdims=True), np.ones(8, int)

    monkeypatch.setattr(module.FoldLoss, "answers", quick)
    told = {}
    for at in (-1, 0, 3, 6, 11):
        losses = iter(range(10**6))
        where = task(workdir=tmp_path / str(at))
        if at >= 0:
            with pytest.raises(KeyboardInterrupt):
                given.fit(where)
            losses = iter(range(10**6, 2 * 10**6))
        found = given.fit(where).selection
        told[at] = [(row["trial"], row["state"], row["lr"], row["log_loss"]) for row in found.candidates], found.chosen
    assert all(other == told[-1] for other in told.values())


@pytest.mark.parametrize("name", [name for name in METHODS if method_class(name).searched])
def test_what_a_method_changes_of_its_base_is_searched_once(name):
    names = [dial.name for dial in Tuned(method=name).dials]
    assert names and len(set(names)) == len(names)
