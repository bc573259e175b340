"""Each side of an evaluation on small worlds whose answers are known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from transferium.artifact import Artifact
from transferium.data.doctor.scan import scan
from transferium.data.domain import Domain
from transferium.data.samples import Rows
from transferium.embedding.embed import Embedder
from transferium.errors import DataError
from transferium.evaluation.sides.confidence_curve import confidence_curve
from transferium.evaluation.sides.conformal_sets import conformal_sets, halves
from transferium.evaluation.sides.every_side import SIDES, look_from
from transferium.evaluation.sides.looked import Looked, Seen
from transferium.evaluation.sides.out_of_distribution import out_of_distribution, separation
from transferium.evaluation.sides.subgroups import MOST, subgroups
from transferium.evaluation.sides.train_test_gap import train_test_gap
from transferium.job.predict.all_sides import look
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.task import Task
from transferium.models.catalogue import find_backbone
from transferium.problems.classes import Classes
from transferium.problems.regression import Regression
from worlds.toy import blobs


def looked(n: int = 200, *, outputs: np.ndarray | None = None, y: np.ndarray | None = None, **changes: Any) -> Looked:
    """A model of two classes that was fitted to 60 blobs and looks at ``n`` others, or gives these ``outputs``."""
    train, held = blobs(60), blobs(n, seed=1)
    train, held = (
        replace(d, keys=tuple(f"{i:064x}" for i in range(k, k + len(d)))) for k, d in ((1, train), (999, held))
    )
    backbone = replace(find_backbone(None, "features"), width=8)
    fitted = LinearProbe().fit(Task(train, None, backbone, Embedder(None), 0))
    model = Artifact(backbone, fitted.head, train.posed).having_learned(train)
    given = Domain(
        Rows(np.concatenate([train.features, held.features])),
        "features",
        [str(i) for i in range(60 + n)],
        np.concatenate([train.y, held.y]),
        train.problem,
        name="both",
    )
    found = look(model, given, Embedder(None), seed=0)
    seen = found.held
    if y is not None:
        seen = replace(seen, domain=replace(seen.domain, labels=y))
    if outputs is not None:
        seen = replace(seen, outputs=outputs)
    return replace(found, held=seen, **changes)


def test_what_was_learned_from_is_found_among_what_is_given_and_held_apart() -> None:
    found = looked()
    assert found.fresh and (len(found.held), len(found.train or ())) == (200, 60)
    told = train_test_gap(found)
    right = {side: told[side]["value"] for side in ("train", "held_out")}
    assert told["gap"]["value"] == pytest.approx(right["train"] - right["held_out"])
    assert told["gap"]["low"] < told["gap"]["value"] < told["gap"]["high"]


def test_a_gap_without_one_of_its_sides_says_so() -> None:
    with pytest.raises(DataError, match="none of the examples that were learned from is among these"):
        train_test_gap(looked(train=None))
    with pytest.raises(DataError, match="needs examples that were not learned from"):
        train_test_gap(looked(fresh=False))


def test_conformal_sets_are_calibrated_on_one_half_and_checked_on_the_other() -> None:
    rng = np.random.default_rng(0)
    y, sure = rng.integers(0, 2, 200), rng.uniform(0.5, 1, 200)
    p = np.where(rng.random(200) < sure, sure, 1 - sure)
    outputs = np.stack([np.where(y == 0, p, 1 - p), np.where(y == 0, 1 - p, p)], axis=1)
    found = looked(outputs=outputs, y=y)
    told = conformal_sets(found)
    assert (told["calibrated_on"], told["checked_on"]) == (100, 100)
    first = halves(200, None, 0)
    for row in told["sets"]:
        scores = np.sort(1 - p[first])
        assert row["threshold"] == pytest.approx(scores[int(np.ceil(101 * row["stated"])) - 1])
        sets = 1 - outputs[~first] <= row["threshold"]
        assert row["mean_size"]["value"] == pytest.approx(sets.sum(axis=1).mean())
        assert row["coverage"]["value"] == pytest.approx(sets[np.arange(100), y[~first]].mean())


def test_amounts_get_ranges_and_few_examples_a_reason() -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=30)
    found = looked(30)
    seen = Seen(replace(found.held.domain, labels=y, problem=Regression()), found.held.features, np.zeros((30, 1)))
    told = conformal_sets(replace(found, held=seen, model=replace(found.model, problem=Regression())))
    first, last = told["sets"][0], told["sets"][-1]
    assert first["mean_size"]["value"] == pytest.approx(2 * first["threshold"])
    assert "needs 19 or more examples" in last["reason"]
    assert not set(np.flatnonzero(halves(30, np.repeat(np.arange(3), 10), 1)) // 10) & set(
        np.flatnonzero(~halves(30, np.repeat(np.arange(3), 10), 1)) // 10
    ), "groups stay together"


def grouped(sizes: dict[str | None, tuple[int, float]]) -> Looked:
    """Groups of a size, of which a share is answered rightly."""
    n = sum(size for size, _ in sizes.values())
    by = np.array([name for name, (size, _) in sizes.items() for _ in range(size)], object)
    right = np.concatenate([np.arange(size) < round(size * share) for size, share in sizes.values()])
    y = np.zeros(n, np.int64)
    found = looked(n, outputs=np.where(right[:, None], [0.9, 0.1], [0.1, 0.9]), y=y)
    return replace(found, held=replace(found.held, domain=replace(found.held.domain, by=by)))


def test_the_worst_subgroup_is_named_with_control_for_all() -> None:
    told = subgroups(grouped({"a": (200, 0.9), "b": (200, 0.7), None: (100, 0.9), "alone": (1, 1.0)}))
    assert [row["group"] for row in told["groups"]] == ["a", "alone", "b", "(missing)"]
    assert (told["worst"], told["worse_off"]) == ("b", ["b"])
    assert told["gap"]["value"] == pytest.approx(0.2) and told["gap"]["low"] > 0
    alone = told["groups"][1]
    assert alone["accuracy"]["low"] is None and "too few independent examples" in alone["accuracy"]["reason"]
    assert "p_value" not in alone
    rows = {row["group"]: row for row in told["groups"]}
    assert rows["b"]["difference"]["value"] == pytest.approx(0.7 - 271 / 301)
    assert rows["b"]["p_adjusted"] == pytest.approx(3 * rows["b"]["p_value"])


def test_subgroups_that_differ_by_chance_are_seldom_called_worse_off() -> None:
    rng, alarms = np.random.default_rng(0), 0
    base = grouped(dict.fromkeys("abcde", (40, 0.8)))
    for _ in range(12):
        right = rng.random(200) < 0.8
        outputs = np.where(right[:, None], [0.9, 0.1], [0.1, 0.9])
        alarms += bool(subgroups(replace(base, held=replace(base.held, outputs=outputs)))["worse_off"])
    assert alarms <= 3, "with 5 % each, 4 or more of 12 have a chance of 0.2 %; benchmarks/coverage.py counts many"


def test_small_subgroups_of_amounts_are_not_called_worse_off_by_their_luck() -> None:
    rng, alarms = np.random.default_rng(0), 0
    sizes: dict[str | None, tuple[int, float]] = dict.fromkeys("abcde", (2, 1.0))
    found = grouped(sizes | {"others": (60, 1.0)})
    found = replace(found, model=replace(found.model, problem=Regression()))
    for _ in range(12):
        y, missed = rng.normal(size=70), rng.exponential(size=70)
        domain = replace(found.held.domain, labels=y, problem=Regression())
        seen = Seen(domain, found.held.features, (y + missed)[:, None])
        told = subgroups(replace(found, held=seen))
        assert told["gap"]["low"] < 0 < told["gap"]["value"] < told["gap"]["high"]
        alarms += bool(told["worse_off"])
    assert alarms <= 3, "with 5 % each, 4 or more of 12 have a chance of 0.2 %; by a normal distribution, half have one"


def test_copies_are_one_example_of_a_subgroup() -> None:
    found = grouped({"a": (40, 0.9), "copies": (6, 0.0)})
    domain = replace(found.held.domain, groups=np.r_[np.arange(40), np.full(6, 40)])
    _, row = subgroups(replace(found, held=replace(found.held, domain=domain)))["groups"]
    assert row["examples"] == 6 and row["accuracy"]["low"] is None and "p_value" not in row


def test_one_subgroup_or_too_many_are_refused() -> None:
    with pytest.raises(DataError, match=r"has one value \(a\) among these examples"):
        subgroups(grouped({"a": (20, 0.5)}))
    with pytest.raises(DataError, match=f"has {MOST + 1} different values"):
        subgroups(grouped({f"g{i}": (2, 0.5) for i in range(MOST + 1)}))


def test_what_cannot_be_said_has_a_reason_and_the_rest_is_said() -> None:
    found = looked(30, train=None, quick=True)
    told = look_from(SIDES, found)
    assert set(told) == set(SIDES)
    assert "is among these" in told["train_test_gap"]["reason"]
    assert told["latency"]["milliseconds"]["1"]["p50"] > 0 and told["latency"]["parameters"] == 18
    assert told["confidence"]["brier"]["value"] < 0.2
    other = replace(found, model=replace(found.model, problem=Regression()))
    with pytest.raises(DataError, match="confidence is of classes, and this model predicts amounts"):
        confidence_curve(other)
    assert isinstance(found.problem, Classes)


def test_other_examples_are_told_apart_by_how_far_they_are() -> None:
    found = looked(100)
    far = blobs(40, seed=2).unlabeled()
    far = replace(far.embedded(far.features - 50), name="far")
    told = out_of_distribution(found, far)
    assert (told["against"], told["examples"], told["others"], told["shared"]) == ("far", 100, 40, 0)
    assert told["distance"]["value"] == 1 and 0.9 < told["distance"]["low"] < 1
    same = out_of_distribution(found, blobs(100, seed=3))
    assert all(same[name]["low"] < 0.5 < same[name]["high"] for name in ("max_probability", "energy", "distance"))
    alone = out_of_distribution(replace(found, train=None), far)
    assert "distance" not in alone and "none of what was learned from" in alone["reasons"]["distance"]


def test_areas_are_those_of_pairs_and_examples_that_belong_together_widen_them() -> None:
    rng = np.random.default_rng(0)
    mine, theirs = rng.normal(size=40).round(1), rng.normal(size=30).round(1) + 0.5
    pairs = (theirs[:, None] > mine) + 0.5 * (theirs[:, None] == mine)
    area = separation(mine, theirs, seed=0)
    assert area.value == pytest.approx(pairs.mean()) and area.low < area.value < area.high
    twice = separation(np.repeat(mine, 2), np.repeat(theirs, 2), seed=0, groups=np.repeat(np.arange(70), 2))
    assert twice.value == pytest.approx(area.value) and twice.high - twice.low > 0.8 * (area.high - area.low)
    assert separation(np.ones(9), np.zeros(9), seed=0).high == pytest.approx(1 - 0.025 ** (1 / 9))


def test_nothing_is_told_apart_from_itself() -> None:
    found = looked(30)
    with pytest.raises(DataError, match="every example of 'toy' is unreadable or also among these"):
        out_of_distribution(replace(found, held=replace(found.held, domain=scanned(found.held.domain))),
                            replace(found.held.domain, name="toy"))  # fmt: skip
    with pytest.raises(DataError, match="needs examples that were not learned from"):
        out_of_distribution(replace(found, fresh=False), found.held.domain)


def scanned(domain: Domain) -> Domain:
    return replace(domain, keys=scan(domain).keys)
