"""Outliers and suspicious labels: planted ones are named, and hardly anything else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from transferium.data.doctor import outliers as module
from transferium.data.doctor.doctor import diagnose
from transferium.data.doctor.outliers import FEWEST, outliers
from transferium.data.doctor.scan import scan
from transferium.data.doctor.suspicious_labels import find_suspicious, suspicious
from transferium.data.domain import Domain
from transferium.embedding.embed import Embedder
from transferium.job.fit.run import fit_job
from transferium.job.options import FitOptions
from transferium.job.stopwatch import Stopwatch
from transferium.methods.catalogue import find_method
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.task import Task
from transferium.models.catalogue import find_backbone
from worlds.tables import clusters, table

WIDTH = 60


def cone(n: int, seed: int = 0) -> np.ndarray:
    """Rows around one direction, as the features of pictures of one kind are."""
    rows = np.random.default_rng(seed).normal(size=(n, WIDTH))
    rows[:, 0] += 8.0
    return rows


def away(*axis: int) -> np.ndarray:
    """Rows along other directions, one for each axis."""
    return -10.0 * np.eye(WIDTH)[list(axis)]


def test_a_row_unlike_all_others_is_an_outlier() -> None:
    rows = cone(300)
    rows[[40, 7]] = away(1, 0)
    assert outliers(rows).tolist() == [7, 40]  # the farthest first
    assert outliers(rows * 1000).tolist() == [7, 40]


@pytest.mark.parametrize("n", [100, 500, 2500])
def test_few_of_500_alike_are_taken_for_outliers(n: int) -> None:
    named = sum(len(outliers(cone(n, seed))) for seed in range(5))
    assert named <= 5 * n / 500


def test_nothing_is_an_outlier_among_few_or_equal_rows() -> None:
    rows = cone(FEWEST)
    rows[3] = away(0)
    assert outliers(rows).tolist() == [3]
    assert not len(outliers(rows[1:]))
    assert not len(outliers(np.ones((200, 3))))
    assert not len(outliers(np.zeros((200, 3))))


def test_a_small_group_that_the_sample_misses_is_no_outlier(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = cone(400)
    rows[:8] = 0.1 * cone(8) + away(1)
    rows[8] = away(2)
    monkeypatch.setattr(module, "SAMPLE", 60)
    sample = np.random.default_rng(0).permutation(400)[:60]
    assert (sample < 8).sum() < 5  # its neighbours are not all in the sample
    assert outliers(rows).tolist() == [8]


def test_the_doctor_names_outliers_and_keeps_them() -> None:
    features = cone(150)
    features[5] = away(0)
    x, y = clusters(150, seed=0)
    domain = table(x, y, "photo")
    diagnosis = diagnose(domain, scan(domain), features=features)
    (found,) = (f for f in diagnosis.findings if f.kind == "outlier")
    assert found.severity == "warning" and found.ids == ("photo-5",)
    assert found.message == (
        "1 example is unlike all others: photo-5; look at it, and delete what does not belong here "
        "(nothing was left out)"
    )
    assert diagnosis.keep.all()
    features[5] = cone(1)[0]
    assert not [f for f in diagnose(domain, scan(domain), features=features).findings if f.kind == "outlier"]


def mislabelled(n: int, at: list[int], seed: int = 0) -> Domain:
    """Three classes in many dimensions, where a model is the less sure the fewer examples it has, as with features."""
    rng, y = np.random.default_rng(seed), np.arange(n) % 3
    x = 0.7 * rng.normal(size=(3, WIDTH))[y] + rng.normal(size=(n, WIDTH))
    y[at] = (y[at] + 1) % 3
    return table(x, y, "row")


def out_of_fold(domain: Domain) -> np.ndarray:
    backbone = find_backbone(None, "features")
    answers = LinearProbe().fit(Task(domain, None, backbone, Embedder(None), 0)).oof_outputs
    assert answers is not None
    return answers


def test_labels_that_were_changed_are_suspicious() -> None:
    changed = [3, 50, 111, 180]
    domain = mislabelled(240, changed)
    at, other = suspicious(out_of_fold(domain), domain.y)
    assert set(at.tolist()) == set(changed)
    assert (other == (domain.y[at] - 1) % 3).all()
    (found,) = find_suspicious(domain, out_of_fold(domain))
    assert found.kind == "suspicious-label" and set(found.ids) == {f"row-{i}" for i in changed}
    assert found.message.startswith("4 labels look wrong: row-")
    assert "and 1 more; look at them, and correct what is wrong (nothing was changed)" in found.message


def test_right_labels_are_not_suspicious_even_where_classes_overlap() -> None:
    for turn, seed in [(0.0, 0), (0.0, 1), (0.0, 2), (1.0, 3), (1.0, 4), (1.0, 5)]:
        x, y = clusters(400, seed=seed)
        domain = table(x * [1 - 0.8 * turn, 1 - 0.8 * turn, *[1.0] * 6], y, "row")
        assert not find_suspicious(domain, out_of_fold(domain))


def test_examples_that_were_never_held_out_and_other_problems_are_left_aside() -> None:
    domain = mislabelled(240, [3])
    answers = out_of_fold(domain)
    answers[3] = np.nan
    assert not find_suspicious(domain, answers)
    assert not find_suspicious(domain, None)
    assert not find_suspicious(replace(domain, labels=None, problem=None), answers)


def test_answers_that_contradict_every_label_say_nothing_of_any() -> None:
    labels = np.array([0, 1] * 4)
    sure_of_the_other = np.where(labels[:, None] == [0, 1], 0.3, 0.7)
    assert len(suspicious(sure_of_the_other, labels)[0]) == 0


@pytest.mark.parametrize("method", ["probe", "ncm", "auto"])
def test_a_run_names_suspicious_labels_and_changes_none(tmp_path: Path, method: str) -> None:
    changed = [3, 50, 100, 150]
    domain = mislabelled(240, changed)
    run = fit_job(domain, FitOptions(tmp_path / "run", find_method(method, {})), Embedder(None), Stopwatch())
    named = [f for f in run["doctor"]["findings"] if f["kind"] == "suspicious-label"]
    held = {line.split(",")[0] for line in (tmp_path / "run" / "predictions.csv").read_text().splitlines()}
    in_train = {f"row-{i}" for i in changed} - held
    assert in_train and {name for f in named for name in f["ids"]} == in_train
    assert run["doctor"]["quarantined"] == 0
    assert "suspicious-label" in (tmp_path / "run" / "doctor.json").read_text()
