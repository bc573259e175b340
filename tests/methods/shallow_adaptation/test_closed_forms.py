"""Adaptation in closed form: where each domain went, a few labels, several sources, boosting, and bad settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from laws.adaptation_cases import bits
from transferium.errors import DataError, InputError
from transferium.methods.adaptation_task import AdaptationTask
from transferium.methods.catalogue import find_method, method_class
from transferium.methods.fitted import Fitted
from transferium.methods.frozen.linear_probe import LinearSolver
from transferium.methods.frozen.source_only import SourceOnly
from transferium.methods.holdout import HELD, hold_out
from transferium.methods.model_selection.evidence import evidence_of
from transferium.methods.multi_source import pooled_logits, relatedness
from transferium.methods.shallow_adaptation.alignment import LinearMap
from transferium.methods.shallow_adaptation.base import check_pairs
from transferium.methods.task import Task
from transferium.models.heads.layered import LayeredHead
from worlds import shifted
from worlds.shifted import World, rows


def test_pairs_by_prototypes_carry_a_small_shift() -> None:
    before = shifted.SHIFTED.score(SourceOnly().adapt(shifted.SHIFTED.task()))
    model = LinearMap(pairs="prototypes").adapt(shifted.SHIFTED.task())
    assert shifted.SHIFTED.score(model) > max(0.97, before + 0.05)


@pytest.mark.parametrize("name", ["bbse", "em"])
def test_a_method_named_after_its_estimate_has_no_other(name: str) -> None:
    with pytest.raises(InputError, match=f"method '{name}' has no setting 'estimate'"):
        find_method(name, {"estimate": "bbse"})
    task = shifted.SHIFTED.task()
    named, told = find_method(name, {}).adapt(task), find_method("label-shift", {"estimate": name}).adapt(task)
    assert f"class shares of the target ({name})" in str(named.selection)
    assert bits(named) == bits(told)


@pytest.mark.parametrize("settings", [{"class_weight": "balanced"}, {"rule": "accuracy"}])
def test_prototypes_are_guessed_by_the_probe_that_was_asked_for(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []
    solve = LinearSolver.solve

    def watched(self: LinearSolver, task: Task, seen: Any, counts: Any = None) -> Fitted:
        asked.append({name: getattr(self, name) for name in settings})
        return solve(self, task, seen, counts)

    monkeypatch.setattr(LinearSolver, "solve", watched)
    LinearMap(pairs="prototypes", **settings).adapt(shifted.SHIFTED.task())
    assert asked == [settings, settings], "the guess, and the probe of what was moved"


def test_given_pairs_undo_what_no_statistics_can(tmp_path: Path) -> None:
    # Turned by half a circle, each class lies where the other one was: only pairs can tell.
    world = replace(shifted.FLIPPED, target=-shifted.FLIPPED.source[::-1], truth=shifted.FLIPPED.labels[::-1])
    last = len(world.source) - 1
    pairs = [(f"source {i}", f"target {last - i}") for i in range(0, 80, 2)]
    found = LinearMap().adapt(world.task())
    told = LinearMap(pairs=pairs, penalty=0.01).adapt(world.task())
    assert world.score(told) > 0.97
    assert world.score(found) < 0.6
    file = tmp_path / "pairs.csv"
    file.write_text("target,note,source\n" + "".join(f"{b},,{a}\n" for a, b in pairs), encoding="utf-8")
    for named in (file, str(file), np.array(pairs)):
        assert bits(LinearMap(pairs=named, penalty=0.01).adapt(world.task())) == bits(told)
    assert "40 pairs were given" in str(told.selection)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("source,tar\nsource 1,target 1\n", r"has no column 'target'; its columns are 'source', 'tar'"),
        ("source,target\nsource 1,target 1\nsource 2,\n", r"names no example in row 2 of its pairs"),
        ("source,target\n", r"there are no pairs: name at least one example"),
        ("source,target\nsource 1,target 1000\n", r"name 'target 1000', and no example .* of the target 'target'"),
        ("source,target\nsorce 1,target 1\n", r"name 'sorce 1', and no example .* Did you mean 'source 1'"),
    ],
)
def test_pairs_that_name_nothing_are_refused(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "pairs.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises((InputError, DataError), match=message):
        LinearMap(pairs=str(file)).adapt(shifted.SHIFTED.task())


def test_a_pair_must_say_which_example_it_means() -> None:
    world = shifted.SHIFTED.task()
    train = replace(world.train, ids=["twin", "twin", *world.train.ids[2:]])
    with pytest.raises(InputError, match=r"name 'twin', and 2 examples of the source 'source' are called so"):
        LinearMap(pairs=[("twin", "target 1")]).adapt(replace(world, train=train))


@pytest.mark.parametrize("name", ["subspace", "tca", "jda", "bda"])
def test_a_column_that_is_the_sum_of_others_is_no_direction_of_its_own(name: str) -> None:
    # In float32 the sum is rounded, so that its own direction is not quite nothing.
    source, target = (
        np.column_stack([m, m.sum(axis=1)]).astype(np.float32)
        for m in (shifted.SHIFTED.source.astype(np.float32), shifted.SHIFTED.target.astype(np.float32))
    )
    world = replace(shifted.SHIFTED, source=source, target=target)
    plain = shifted.SHIFTED.score(method_class(name)().adapt(shifted.SHIFTED.task()))
    assert world.score(method_class(name)().adapt(world.task())) > plain - 0.05


@pytest.mark.parametrize("name", ["tca", "jda", "bda"])
def test_directions_of_noise_stay_as_small_as_they_were(name: str) -> None:
    rng = np.random.default_rng(0)
    y, truth = rng.integers(0, 2, 60), rng.integers(0, 2, 300)
    x, z = (rng.normal(size=(len(of), 48)) * 0.3 + 2.0 * np.eye(48)[of] for of in (y, truth))
    world = World(x, y, z, truth)
    assert world.score(method_class(name)(dimensions=48).adapt(world.task())) > 0.97


def test_a_shallow_method_says_where_each_domain_went() -> None:
    model = method_class("coral")().adapt(shifted.SCALED.task())
    source, target = shifted.SCALED.source, shifted.SCALED.target
    assert model.alignment is not None and model.source_head is not None
    moved = np.asarray(model.alignment.source(source))
    assert np.allclose(moved.mean(axis=0), target.mean(axis=0), atol=1e-4)
    assert np.allclose(model.source_head.logits(source), model.head.logits(moved), atol=1e-6)
    assert (model.source_head.predict(source) == shifted.SCALED.labels).mean() > 0.98


def test_few_labelled_target_examples_join_a_closed_form() -> None:
    world = shifted.FLIPPED
    few = rows(world.target[:60], world.truth[:60], "few")
    groups = np.arange(len(world.source)) // 2
    told = method_class("standardise")().adapt(world.task(target=few, groups=groups))
    assert told.oof_outputs is not None and len(told.oof_outputs) == len(world.source)
    assert world.score(told) > world.score(method_class("standardise")().adapt(world.task())) + 0.03


def two_sources(near: World, far: World) -> tuple[World, np.ndarray]:
    """Half of ``near``'s target, and ``far``'s moved aside, as the sources of the other half; which row is whose."""
    moved = far.target + 6 * np.eye(shifted.WIDTH)[5]
    x, y = np.concatenate([near.target[:110], moved]), np.concatenate([near.truth[:110], far.truth])
    return World(x, y, near.target[110:], near.truth[110:]), np.repeat([0, 1], [110, len(moved)])


@pytest.mark.parametrize("kind", ["weighted", "votes"])
def test_closed_forms_weigh_sources_too(kind: str) -> None:
    both, origin = two_sources(shifted.TURNED, shifted.FLIPPED)
    task = both.task(sources=origin)
    plain, weighed = (method_class("coral")(sources=s, strength=0.0).adapt(task) for s in ("combined", kind))
    assert both.score(weighed) > both.score(plain) + 0.03
    assert {"weighted": "likeness to the target (0: ", "votes": "votes of the sources (0: 1.00, 1: 0.00)"}[kind] in str(
        weighed.selection
    )


@pytest.mark.parametrize("kind", ["weighted", "votes"])
def test_likeness_cannot_help_where_the_source_that_looks_alike_is_wrong(kind: str) -> None:
    near = World(shifted.SAME.source, shifted.SAME.labels, shifted.SAME.target, shifted.SAME.truth.copy())
    near.truth[:110] = 1 - near.truth[:110]  # the likely source answers every class by the other's name
    both, origin = two_sources(near, shifted.SAME)
    task = both.task(sources=origin)
    plain, weighed = (method_class("coral")(sources=s, strength=0.0).adapt(task) for s in ("combined", kind))
    assert both.score(weighed) < 0.1 and both.score(weighed) <= both.score(plain)


def test_votes_are_the_weighted_mean_of_what_each_source_says() -> None:
    both, origin = two_sources(shifted.TURNED, shifted.FLIPPED)
    task = both.task(sources=origin)
    model = method_class("standardise")(sources="votes").adapt(task)
    alone = [
        method_class("standardise")().adapt(replace(task.on(np.flatnonzero(origin == s)), sources=None)) for s in (0, 1)
    ]
    weights = relatedness(origin, both.source, both.target)
    said = [h.logits(both.target) / h.temperature for h in (m.head for m in alone)]
    expected = (weights[0] * said[0] + weights[1] * said[1]) / weights.sum()
    assert np.allclose(model.head.logits(both.target), expected, atol=1e-6)
    assert model.oof_outputs is not None and alone[1].oof_outputs is not None
    assert np.array_equal(model.oof_outputs[origin == 1], alone[1].oof_outputs)
    assert evidence_of(task, model).target_logits.shape == (110, 2)
    one = method_class("standardise")(sources="votes").adapt(shifted.SAME.task())
    assert bits(one) == bits(method_class("standardise")().adapt(shifted.SAME.task())), "one source has no vote"


def test_networks_vote_by_one_head_and_hold_out_what_validators_ask_about() -> None:
    both, origin = two_sources(shifted.TURNED, shifted.FLIPPED)
    task = both.task(sources=origin)
    seen: list[Task] = []

    class Watched(method_class("mcc")):
        def adapt(self, task: AdaptationTask) -> Fitted:
            seen.append(task)
            return super().adapt(task)

    model = Watched(sources="votes", epochs=2).adapt(task)
    alone = [method_class("mcc")(epochs=2).adapt(each) for each in seen[1:]]
    assert len(alone) == 2
    weights = relatedness(origin, both.source, both.target)
    said = [m.head.logits(both.target) / m.head.temperature for m in alone]
    expected = (weights[0] * said[0] + weights[1] * said[1]) / weights.sum()
    assert np.allclose(model.head.logits(both.target), expected, atol=1e-6)
    held = hold_out(task, HELD).held.ids
    assert sorted(name for each in seen[1:] if each.val is not None for name in each.val.ids) == sorted(held)
    assert not {name for each in seen[1:] for name in each.train.ids} & set(held)
    assert model.head.to_tensors()["head.hidden.0.weight"].shape[0] == 2 * 256


def test_layers_of_several_heads_lie_side_by_side() -> None:
    rng = np.random.default_rng(0)

    def head() -> LayeredHead:
        layers = tuple((rng.normal(size=s), rng.normal(size=s[0])) for s in ((5, 4), (3, 5)))
        return LayeredHead(rng.normal(size=(2, 3)), rng.normal(size=2), 1.7, layers)

    members, weights, x = [head() for _ in range(3)], np.array([0.2, 0.5, 0.3]), rng.normal(size=(7, 4))
    expected = sum(w * h.logits(x) / h.temperature for w, h in zip(weights, members, strict=True))
    assert np.allclose(pooled_logits(members, weights, [slice(0, 4)] * 3).logits(x), expected)
    wide, columns = rng.normal(size=(7, 12)), [slice(4, 8), slice(8, 12), slice(0, 4)]
    expected = sum(
        w * h.logits(wide[:, at]) / h.temperature for w, h, at in zip(weights, members, columns, strict=True)
    )
    assert np.allclose(pooled_logits(members, weights, columns).logits(wide), expected)


def test_a_source_without_a_class_cannot_vote() -> None:
    both, origin = two_sources(shifted.TURNED, shifted.FLIPPED)
    kept = (origin == 0) | (both.labels == 0)
    task = World(both.source[kept], both.labels[kept], both.target, both.truth).task(sources=origin[kept])
    with pytest.raises(DataError, match=r"source 1 has no example of 'b', .*: use sources=weighted or combined"):
        method_class("coral")(sources="votes").adapt(task)


def test_boosting_forgets_the_rows_that_mislead() -> None:
    (x, y), (strange, ys), (few, told), (z, truth) = (shifted.clouds(n, s) for s, n in enumerate([200, 200, 40, 300]))
    world = World(np.concatenate([x, strange]), np.concatenate([y, 1 - ys]), z, truth)
    task = world.task(target=rows(few, told, "few"))
    scores = [world.score(method_class("tradaboost")(rounds=r).adapt(task)) for r in (0, 10)]
    assert scores[1] >= 0.93 and scores[1] > scores[0] + 0.1
    same = [method_class("tradaboost")().adapt(task).head for _ in range(2)]
    assert same[0].weight.tobytes() == same[1].weight.tobytes() and same[0].temperature == same[1].temperature
    noise = rows(few, np.random.default_rng(0).integers(0, 2, 40), "few")
    assert world.score(method_class("tradaboost")().adapt(world.task(target=noise))) < 0.9


def test_boosting_says_what_it_lacks() -> None:
    with pytest.raises(InputError, match=r"method 'tradaboost' learns from a few labelled target examples, and there"):
        method_class("tradaboost")().adapt(shifted.SAME.task())
    few = rows(shifted.SAME.target[:6], shifted.SAME.truth[:6], "few")
    model = method_class("tradaboost")().adapt(shifted.SAME.task(target=few))
    assert model.head.temperature == 1.0
    assert "6 labelled target examples are too few to calibrate by" in str(model.selection)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("coral", {"strength": 1.5}, r"strength"),
        ("standardise", {"sources": "vote"}, r"sources cannot be 'vote'. Did you mean 'votes'"),
        ("jda", {"balance": -0.1}, r"balance"),
        ("jda", {"rounds": 0}, r"rounds must be at least 1; it was 0"),
        (
            "linear-map",
            {"pairs": "luck"},
            r"pairs='luck' is no file. Choose from 'prototypes', 'transport'. Or name a CSV",
        ),
        ("linear-map", {"pairs": "transprt"}, r"is no file. Did you mean 'transport'"),
        ("linear-map", {"pairs": ["ab"]}, r"pairs takes a list of \(source, target\)"),
        ("linear-map", {"pairs": [("a", "b")], "sources": "votes"}, r"votes fits each source by itself, and pairs"),
        ("label-shift", {"estimate": "bbs"}, r"estimate cannot be 'bbs'. Did you mean 'bbse'"),
        ("tradaboost", {"rounds": -1}, r"rounds must be 0 or more; it was -1"),
    ],
)
def test_settings_of_closed_forms_that_cannot_work_are_named(name: str, settings: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        method_class(name)(**settings)


def test_too_many_pairs_are_refused() -> None:
    with pytest.raises(InputError, match=r"ot looks at every pair of rows, and 10000 times 6000 are too many"):
        check_pairs("ot", 10_000, 6_000)
