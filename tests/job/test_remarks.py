"""Sentences beside the figures of a run: each planted once, and absent where all is well."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from transferium.cli.tables import summary
from transferium.data.domain import Domain
from transferium.embedding.embed import Embedder
from transferium.job.fit.run import fit_job
from transferium.job.options import FitOptions
from transferium.job.stopwatch import Stopwatch
from transferium.methods.catalogue import find_method
from transferium.problems.regression import Regression
from worlds.tables import clusters, lines, table


def parted(train: Domain, test: Domain, held: str = "test") -> Domain:
    """Both as one domain that came divided."""
    x = np.concatenate([train.features, test.features])
    y = np.concatenate([train.y, test.y])
    parts = np.repeat(["train", held], [len(train), len(test)])
    return replace(table(x, y, "row", "abc"), problem=train.problem, parts=parts)


def fit(domain: Domain, out: Path, method: str = "probe") -> dict:
    return fit_job(domain, FitOptions(out / "run", find_method(method, {})), Embedder(None), Stopwatch())


def of(n: int, seed: int, **moved: float) -> Domain:
    return table(*clusters(n, seed, **moved), "row")


def about(run: dict, words: str) -> list[str]:
    return [remark for remark in run["remarks"] if words in remark]


def test_where_all_is_well_nothing_is_said(tmp_path: Path) -> None:
    for seed in range(3):
        run = fit(parted(of(300, seed), of(200, seed + 10)), tmp_path / str(seed))
        assert not [r for r in run["remarks"] if "nearest class mean" not in r], run["remarks"]


@pytest.mark.parametrize("held", ["test", "val"])
def test_a_held_out_part_unlike_the_training_part_is_said(tmp_path: Path, held: str) -> None:
    run = fit(parted(of(300, 0), of(200, 1, turn=0.9, shift=3.0), held), tmp_path)
    (said,) = about(run, "is not like the training part")
    accuracy = 100 * run["test"]["accuracy"]["value"]
    assert said.startswith(f"The {held} part is not like the training part: accuracy is ")
    assert f"on folds of the training part and {accuracy:.1f} % on the {held} part" in said
    assert "A classifier tells their inputs apart in 9" in said
    assert f"transferium compare TRAIN {held.upper()}; to adapt to it: transferium fit {held.upper()} --source" in said
    assert said in summary(run) and said in (tmp_path / "run" / "report.html").read_text()


def test_labels_that_differ_alone_are_told_from_inputs_that_differ(tmp_path: Path) -> None:
    test = of(200, 1)
    test.y[:100] = (test.y[:100] + 1) % 3
    (said,) = about(fit(parted(of(300, 0), test), tmp_path), "is not like the training part")
    assert "A classifier cannot tell their inputs apart (" in said and "compare how both were labelled" in said


def test_amounts_of_a_part_that_is_unlike(tmp_path: Path) -> None:
    train, test = (
        replace(table(x, None, "row"), labels=y, problem=Regression(("amount",)))
        for x, y in (lines(300, 0), lines(200, 1))
    )
    assert not fit(parted(train, test), tmp_path / "alike")["remarks"]
    far = replace(test, labels=test.y + 30 * (np.arange(200) % 2))
    (said,) = about(fit(parted(train, far), tmp_path / "far"), "is not like the training part")
    assert "mean absolute error is " in said and "%" not in said.split(".")[0]


def test_the_class_that_fails_is_named(tmp_path: Path) -> None:
    test = of(240, 1)
    test.features[test.y == 2, :2] = clusters(3000, 2)[0][:, :2][clusters(3000, 2)[1] == 0][: (test.y == 2).sum()]
    run = fit(parted(of(300, 0), test), tmp_path)
    (said,) = about(run, "fails on the test part")
    assert said.startswith("Class 'c' fails on the test part: ") and "most are taken for 'a'" in said


def test_a_reference_that_does_as_well_is_said(tmp_path: Path) -> None:
    run = fit(parted(of(60, 0), of(300, 1)), tmp_path / "clear")
    mean, ours = (m["accuracy"]["value"] for m in (run["references"]["nearest_mean"], run["test"]))
    assert mean >= ours
    said = "The nearest class mean, which trains nothing, is as good on the test part (accuracy 100.0 % against"
    assert about(run, said)
    assert not about(fit(parted(of(60, 0), of(300, 1)), tmp_path / "itself", "ncm"), "The nearest class mean")
    x, y = clusters(200, 0)
    noise = np.random.default_rng(0).normal(size=x.shape)
    run = fit(parted(table(noise, np.minimum(y, 1), "row", "ab"), of_noise(200)), tmp_path / "noise")
    assert run["test"]["accuracy"]["value"] <= run["references"]["majority"]["accuracy"]["value"]
    assert about(run, "The same answer for every example is as good on the test part (accuracy ")


def of_noise(n: int) -> Domain:
    rng = np.random.default_rng(1)
    return table(rng.normal(size=(n, 8)), (rng.random(n) < 0.67).astype(np.int64), "row", "ab")


@pytest.mark.parametrize(("wider", "worse"), [(0.35, False), (2.0, True)])
def test_a_temperature_that_makes_probabilities_worse_is_said(tmp_path: Path, wider: float, worse: bool) -> None:
    train = of(60, 0)
    train.features[:, :2] *= wider
    run = fit(parted(train, of(400, 1)), tmp_path)
    before, after = (run["test"][name]["value"] for name in ("log_loss_before", "log_loss"))
    assert (after > before + 0.02) == worse
    said = f"makes the probabilities worse on the test part: log-loss {after:.3f} with it and {before:.3f} without."
    assert bool(about(run, said)) == worse


def test_the_held_out_part_is_called_what_it_came_as(tmp_path: Path) -> None:
    run = fit(parted(of(100, 0), of(80, 1), "val"), tmp_path)
    printed = summary(run)
    assert run["division"]["held_out"] == "val" and run["division"]["test"] == 80
    assert printed.startswith("run: 100 train, 80 val. the val part is held out and only evaluated on")
    assert "on the val part" in printed and "test part" not in printed
