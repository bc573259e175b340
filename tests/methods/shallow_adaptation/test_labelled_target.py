"""A few labelled target examples join every method that can learn from them; the others say that they cannot."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import transferium.methods.model_selection.election
from laws.adaptation_cases import CASES, Case, bits
from transferium.errors import InputError
from transferium.methods.adapted_model import AdaptedModel
from transferium.methods.catalogue import METHODS, method_class
from transferium.methods.fitted import Fitted
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.shallow_adaptation.labelled_target import Pooled, joined, weight_of_few
from transferium.problems.classes import Classes
from worlds import shifted
from worlds.shifted import World, rows

TOLD = 40
WORLD = shifted.FLIPPED
FEW = rows(WORLD.target[:TOLD], WORLD.truth[:TOLD], "few")
REST = World(WORLD.source, WORLD.labels, WORLD.target[TOLD:], WORLD.truth[TOLD:])
SMALL = World(WORLD.source[:96], WORLD.labels[:96], WORLD.target[TOLD : TOLD + 64], WORLD.truth[TOLD : TOLD + 64])
LEARN = [case for case in CASES if method_class(case.name).learns_from_few]


@pytest.mark.parametrize("case", LEARN, ids=lambda c: c.id)
def test_they_help_where_nothing_without_labels_could(case: Case) -> None:
    change = {"epochs": 10, "round_epochs": 4, "rounds": 3} if case.knob == "weight" else {"few_weight": 20.0}
    model = case.method(**change).adapt(SMALL.task(target=FEW))
    # Every label of the source is wrong here: without labelled examples the same score is 0.2 at most.
    assert REST.score(model) > 0.35
    assert "labelled target examples" in str(model.selection) or "target" in model.history[0]


@pytest.mark.parametrize("name", sorted(n for n in METHODS if not method_class(n).learns_from_few))
def test_a_method_that_cannot_learn_from_them_is_refused(name: str) -> None:
    from transferium.methods.method import refuse_few

    message = rf"method '{name}' cannot learn from the 40 labelled target examples: .* or leave them out"
    with pytest.raises(InputError, match=message):
        refuse_few(method_class(name)(), REST.task(target=FEW))
    refuse_few(method_class(name)(), REST.task())


def test_adabn_refuses_them_when_called_by_itself() -> None:
    with pytest.raises(InputError, match="after the source it changes statistics alone, which have no labels"):
        method_class("adabn")().adapt(REST.task(target=FEW))


def test_pooled_is_the_weighted_probe_of_both() -> None:
    task = REST.task(target=FEW)
    model = Pooled(few_weight=5.0).adapt(task)
    _, both, counts, said = joined(task, task.embed(task.train), 5.0)
    assert counts is not None and counts.mean() == pytest.approx(1.0)
    assert counts[-1] / counts[0] == pytest.approx(5.0) and len(counts) == 240 + TOLD
    expected = LinearProbe().solve(replace(task, train=both), both, counts)
    assert bits(model) == bits(expected)
    assert said == ("40 labelled target examples joined the 240 source rows, each counting as 5",)
    assert said[0] in model.selection.notes
    assert model.oof_outputs is not None and len(model.oof_outputs) == 240
    scores = [REST.score(Pooled(few_weight=w).adapt(task)) for w in (1.0, 30.0)]
    assert scores[1] > scores[0] + 0.2, scores


def test_pooled_helps_where_the_labels_turned_over_and_cannot_where_the_few_are_noise() -> None:
    for world, labels, few_weight, helps in ((shifted.FLIPPED, None, 30.0, True), (shifted.SAME, 0, 1.0, False)):
        rest = World(world.source, world.labels, world.target[TOLD:], world.truth[TOLD:])
        told = world.truth[:TOLD] if labels is None else np.random.default_rng(labels).integers(0, 2, TOLD)
        few = rows(world.target[:TOLD], told, "few")
        before = rest.score(method_class("source-only")().adapt(rest.task()))
        after = rest.score(Pooled(few_weight=few_weight).adapt(rest.task(target=few)))
        assert after > before + 0.2 if helps else after <= before, (world, before, after)


def test_the_default_weight_is_the_root_of_rows_per_labelled_row() -> None:
    assert weight_of_few(1000, 10, None) == 10.0 and weight_of_few(10, 1000, None) == 1.0
    assert "each counting as 2.45" in str(Pooled().adapt(REST.task(target=FEW)).selection)


def test_one_labelled_example_is_enough_for_a_network() -> None:
    one = FEW.take([0])
    model = method_class("mcc")(epochs=1).adapt(REST.task(target=one))
    assert "target" in model.history[0]


def test_a_class_that_only_they_know_is_learned() -> None:
    classes = ("a", "b", "c")
    source = replace(rows(WORLD.source, WORLD.labels, "source"), problem=Classes(classes))
    there = WORLD.target[:30] + 8 * np.eye(shifted.WIDTH)[6]
    few = replace(rows(there[:10], np.full(10, 2), "few"), problem=Classes(classes))
    target = rows(np.concatenate([WORLD.source[:50], there[10:]]), None, "target")
    for name in ("pooled", "label-shift", "prototypes", "mcc"):
        settings = {"lr": 0.01} if name == "mcc" else {}
        model = method_class(name)(**settings).adapt(REST.task(train=source, target=few, unlabeled=target))
        assert (model.head.predict(there[10:]) == 2).mean() > 0.9, name


def test_auto_falls_back_to_the_probe_of_both_and_says_so() -> None:
    few = FEW.take(np.r_[:4])  # too few to say anything by themselves
    model = method_class("auto")(adaptations=()).adapt(REST.task(target=few))
    assert model.method == "pooled" and model.selection.chosen == {"method": "pooled"}
    assert bits(model) == bits(Pooled().adapt(REST.task(target=few)))
    said = str(model.selection)
    assert (
        "4 labelled target examples are too few to choose by (fewer than 20 to hold out): pooled stands in for" in said
    )
    untold = method_class("auto")(adaptations=()).adapt(REST.task())
    assert untold.selection.chosen == {"method": "source-only"}


def test_auto_takes_the_few_alone_where_the_source_is_no_help() -> None:
    model = method_class("auto")(adaptations=("standardise",)).adapt(REST.task(target=FEW))
    assert model.selection.chosen == {"method": "few-alone"} and model.method == "few-alone"
    assert bits(model) == bits(LinearProbe().fit(REST.task(train=FEW).without_target()))
    assert "few-alone: of 40 labelled target examples, each answered by what the others taught, the log-loss is" in str(
        model.selection
    )
    assert set(model.beside) >= {"source-only", "few-alone"}


def test_auto_keeps_source_only_where_labels_show_nothing_better() -> None:
    world = shifted.close((0.5, 0.5))
    few = rows(world.target[:TOLD], world.truth[:TOLD], "few")
    rest = World(world.source, world.labels, world.target[TOLD:], world.truth[TOLD:])
    task = rest.task(target=few)
    model = method_class("auto")(adaptations=()).adapt(task)
    assert model.method == "source-only" and model.selection.chosen == {"method": "source-only"}
    assert bits(model) == bits(method_class("source-only")().adapt(replace(task, target=None)))
    assert model.selection.notes[0].startswith("source-only: of 40 labelled target examples, each answered by what")


def test_labels_of_no_meaning_do_not_throw_the_source_away() -> None:
    noise = rows(shifted.SAME.target[:TOLD], np.random.default_rng(0).integers(0, 2, TOLD), "few")
    model = method_class("auto")(adaptations=()).adapt(shifted.SAME.task(target=noise))
    assert model.method != "few-alone" and shifted.SAME.score(model) > 0.9


@pytest.mark.parametrize("labels", ["true", "absent"])
def test_what_the_inputs_chose_stands_only_where_labels_agree(labels: str, monkeypatch: pytest.MonkeyPatch) -> None:
    elect = transferium.methods.model_selection.election.elect

    def chosen(*args: Any) -> Fitted:
        elected, fitted = elect(*args), args[1]["standardise"].adapt(args[0])
        how = replace(elected.selection, chosen={"method": "standardise"})
        return AdaptedModel.of(fitted, selection=how, beside={**elected.beside, "standardise": fitted})

    monkeypatch.setattr("transferium.methods.model_selection.election.elect", chosen)
    # Standardising mends a target that moved, and breaks one in which the classes have other shares.
    world = shifted.FAR if labels == "true" else shifted.UNEQUAL
    few = rows(world.target[:TOLD], world.truth[:TOLD], "few")
    rest = World(world.source, world.labels, world.target[TOLD:], world.truth[TOLD:])
    model = method_class("auto")(adaptations=("standardise",)).adapt(rest.task(target=few))
    assert (model.method == "standardise") == (labels == "true"), str(model.selection)


def test_a_class_that_the_source_lacks_is_never_left_to_source_only() -> None:
    classes = ("a", "b", "c")
    world = shifted.SAME
    source = replace(rows(world.source, world.labels, "source"), problem=Classes(classes))
    there = np.concatenate([world.target[:30], world.target[:3] + 8 * np.eye(shifted.WIDTH)[6]])
    few = replace(rows(there, np.r_[world.truth[:30], 2, 2, 2], "few"), problem=Classes(classes))
    model = method_class("auto")(adaptations=()).adapt(
        REST.task(train=source, target=few, unlabeled=rows(world.target[40:], None, "target"))
    )
    assert model.method == "pooled"


def test_the_few_alone_are_not_read_by_what_the_source_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    elect = transferium.methods.model_selection.election.elect

    def moved(*args: Any) -> Fitted:
        elected = elect(*args)
        trained = replace(elected.backbone, fingerprint="trained on the source")
        beside = {name: replace(fitted, backbone=trained) for name, fitted in elected.beside.items()}
        return replace(elected, backbone=trained, beside=beside)

    monkeypatch.setattr("transferium.methods.model_selection.election.elect", moved)
    task = REST.task(target=FEW)
    model = method_class("auto")(adaptations=()).adapt(task)
    assert model.method == "few-alone" and model.backbone.fingerprint == task.backbone.fingerprint


def test_bad_settings_and_missing_examples_are_named() -> None:
    for name in ("pooled", "coral", "label-shift", "prototypes"):
        with pytest.raises(InputError, match=r"few_weight must be above 0, or none; it was 0.0"):
            method_class(name)(few_weight=0.0)
    with pytest.raises(InputError, match=r"method 'pooled' learns from a few labelled target examples, and there are"):
        Pooled().adapt(REST.task())
