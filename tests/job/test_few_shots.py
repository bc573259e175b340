"""Draws of a few labels a class, and methods side by side over them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from transferium.data.domain import Domain
from transferium.embedding.embed import Embedder
from transferium.errors import DataError, InputError
from transferium.functional.bootstrap import interval_over_draws
from transferium.job.few_shots.draw_shots import draw_shots
from transferium.job.few_shots.over_draws import compare_methods
from transferium.job.options import FitOptions, asked_methods
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.frozen.nearest_class_mean import NearestClassMean
from transferium.methods.task import Task
from transferium.methods.zero_shot.zero_shot import ZeroShot
from transferium.models.catalogue import find_backbone
from worlds.problems import rows
from worlds.toy import blobs


def task(train: Domain, folder: Path | None = None) -> Task:
    return Task(train, None, find_backbone(None, "features"), Embedder(None), 0, workdir=folder)


def test_a_draw_has_as_many_of_each_class_and_every_draw_is_another() -> None:
    train = blobs(60, classes=3)
    drawn = [draw_shots(train, 4, seed=0, draw=d) for d in range(3)]
    for at in drawn:
        assert np.bincount(train.y[at]).tolist() == [4, 4, 4] and len(set(at)) == 12
    assert len({tuple(sorted(at)) for at in drawn}) == 3
    assert np.array_equal(drawn[1], draw_shots(train, 4, seed=0, draw=1))
    assert not np.array_equal(drawn[1], draw_shots(train, 4, seed=1, draw=1))


def test_copies_are_not_drawn_twice() -> None:
    train = replace(blobs(40), groups=np.arange(40) // 4)
    train = replace(train, labels=train.groups % 2)
    at = draw_shots(train, 5, seed=0, draw=0)
    assert len(set(train.groups[at])) == 10
    with pytest.raises(DataError, match=r"has 5 training examples that are no copies of one another, and 6"):
        draw_shots(train, 6, seed=0, draw=0)


def test_more_shots_than_examples() -> None:
    train = replace(blobs(10), labels=np.array([0] * 7 + [1] * 3))
    with pytest.raises(DataError, match=r"class 'b' has 3 training examples, and 5 of each.*shots=.3. or fewer"):
        draw_shots(train, 5, seed=0, draw=0)


def test_shots_are_of_classes() -> None:
    with pytest.raises(InputError, match="counts examples of a class"):
        draw_shots(rows("regression"), 2, seed=0, draw=0)


def test_what_is_compared_is_what_each_method_does_on_each_draw(tmp_path: Path) -> None:
    train, test = blobs(80), blobs(50, 1)
    options = FitOptions(tmp_path, LinearProbe(), shots=5, draws=3, compared=(NearestClassMean(), ZeroShot()))
    given = task(train, tmp_path)
    told = compare_methods(options, given, test)
    ncm, zero = told["methods"]
    for d in range(3):
        alone = NearestClassMean().fit(given.on(draw_shots(train, 5, seed=0, draw=d)))
        right = alone.head.outputs(test.features).argmax(1) == test.y
        assert ncm["draws"][d] == right.mean()
    assert ncm["accuracy"]["low"] <= np.mean(ncm["draws"]) <= ncm["accuracy"]["high"]
    assert "holds feature rows" in zero["left_out"] and "accuracy" not in zero
    kept = compare_methods(options, given, test)  # what was measured is not measured again
    assert kept["methods"][0] == ncm


def test_the_interval_holds_both_the_draws_and_the_examples() -> None:
    rng = np.random.default_rng(0)
    same_draws = np.tile(rng.random(200) < 0.7, (10, 1))
    examples = interval_over_draws(same_draws, seed=0)
    assert examples.high - examples.low == pytest.approx(2 * 1.96 * np.sqrt(0.7 * 0.3 / 200), rel=0.15)
    unlike = np.array([[1] * 200, [0] * 200] * 5, bool)
    draws = interval_over_draws(unlike, seed=0)
    assert draws.high - draws.low == pytest.approx(2 * 1.96 * np.sqrt(0.25 / 10), rel=0.2)
    assert interval_over_draws(np.ones((2, 50), bool), seed=0).low == pytest.approx(0.929, abs=1e-3)


def test_several_methods_share_the_settings_that_they_know() -> None:
    first, compared = asked_methods({"method": "knn, probe", "shots": 4}, {"ks": "3"})
    assert [m.name for m in compared] == ["knn", "probe"] and first is compared[0] and first.ks == (3,)
    with pytest.raises(InputError, match=r"none of the methods knn, probe has a setting 'metrics'. Did you"):
        asked_methods({"method": "knn,probe", "shots": 4}, {"metrics": "3"})


def test_auto_compares_the_methods_for_few_labels() -> None:
    first, compared = asked_methods({"method": "auto", "shots": 4, "draws": 2}, {})
    assert first.name == "auto" and {"zero-shot", "ncm", "knn", "probe", "setfit"} <= {m.name for m in compared}
    assert asked_methods({"method": "auto", "shots": 4}, {})[1] == []
