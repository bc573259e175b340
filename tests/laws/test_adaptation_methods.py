"""Every method that adapts: a world it must solve, one where it must not help, its knob at nought, and its firewall."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from laws.adaptation_cases import CASES, SHORT, Case, alone, bits, fitted
from transferium.artifact import Artifact, load_artifact
from transferium.errors import DataError, InputError, NonFiniteError
from transferium.functional.validators.catalogue import validate
from transferium.methods.catalogue import METHODS, method_class
from transferium.methods.deep_adaptation.adversarial import DANN
from transferium.methods.deep_adaptation.network import AdaptedNetwork, SourceNetwork
from transferium.methods.deep_adaptation.prediction import MCC
from transferium.methods.model_selection.evidence import evidence_of
from transferium.models.heads.linear import Head
from transferium.objectives.adversarial import DomainAdversarial
from transferium.problems.classes import Classes
from worlds import shifted, toy
from worlds.shifted import World, rows

every = pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
networks = pytest.mark.parametrize(
    "case", [c for c in CASES if issubclass(method_class(c.name), AdaptedNetwork)], ids=lambda c: c.id
)

MATCHING = [
    "jan",
    "infomax",
    "shot",
    "adabn",
    "tent",
    "standardise",
    "coral",
    "subspace",
    "tca",
    "jda",
    "bda",
    "ot",
    "linear-map",
]
GROWN = {"bsp": ("dann", {"penalty": 0.0}), "vada": ("dann", {"entropy": 0.0, "smoothness": 0.0})}


def test_every_method_that_needs_a_target_has_a_case() -> None:
    needing = {name for name in METHODS if method_class(name).needs_target}
    assert needing == {case.name for case in CASES if method_class(case.name).needs_target}


@every
def test_it_solves_its_world(case: Case) -> None:
    world: World = getattr(shifted, case.solves)
    before, after = world.score(alone(case, case.solves)), world.score(fitted(case, case.solves))
    assert after >= max(case.reach, before + 0.03), (before, after)


@every
def test_it_cannot_help_where_nothing_without_labels_could(case: Case) -> None:
    before, after = (shifted.FLIPPED.score(f) for f in (alone(case, "FLIPPED"), fitted(case, "FLIPPED")))
    # All of it is wrong by source only; an answer below chance is no help either.
    assert after <= max(before, 0.2)


@pytest.mark.parametrize("name", MATCHING)
def test_it_is_wrong_where_class_shares_differ(name: str) -> None:
    """What its docstring warns of: one twentieth of the target, and half of the source, is of the first class."""
    case = next(case for case in CASES if case.name == name)
    before, after = (shifted.UNEQUAL.score(f) for f in (alone(case, "UNEQUAL"), fitted(case, "UNEQUAL")))
    assert after < before - 0.05


@every
def test_it_does_little_harm_where_nothing_changed(case: Case) -> None:
    assert shifted.SAME.score(fitted(case, "SAME")) >= shifted.SAME.score(alone(case, "SAME")) - 0.05


@pytest.mark.parametrize("case", [c for c in CASES if c.knob], ids=lambda c: c.id)
def test_its_knob_at_nought_is_source_only_bit_for_bit(case: Case) -> None:
    off = case.method(**{case.knob: 0}).adapt(getattr(shifted, case.solves).task())
    assert bits(off) == bits(alone(case, case.solves))
    assert bits(off) != bits(fitted(case, case.solves)), "the knob does nothing"


@pytest.mark.parametrize("case", [c for c in CASES if c.knob == "strength"], ids=lambda c: c.id)
def test_half_the_strength_is_neither_none_nor_all(case: Case) -> None:
    half = case.method(strength=0.5).adapt(getattr(shifted, case.solves).task())
    assert bits(half) != bits(fitted(case, case.solves))
    assert bits(half) != bits(alone(case, case.solves))


@pytest.mark.parametrize("name", GROWN)
def test_without_what_it_adds_it_is_the_method_it_grew_from(name: str) -> None:
    (parent, off), task, brief = GROWN[name], shifted.TURNED.task(), SHORT | {"epochs": 5}
    plain = method_class(parent)(**brief).adapt(task)
    assert bits(method_class(name)(**brief, **off).adapt(task)) == bits(plain)
    assert bits(method_class(name)(**brief).adapt(task)) != bits(plain)


def test_a_ramped_weight_begins_at_nought_and_a_fixed_one_does_not() -> None:
    first = {
        growth: method_class("mcc")(**SHORT | {"epochs": 1}, growth=growth)
        .adapt(shifted.TURNED.task())
        .history[0]["mcc"]
        for growth in ("ramp", "fixed")
    }
    assert first["ramp"] == 0.0 and first["fixed"] > 0.1


@every
def test_target_labels_shuffled_or_deleted_change_no_byte(case: Case) -> None:
    world: World = getattr(shifted, case.solves)
    labelled = rows(world.target, world.truth, "target")
    shuffled = replace(labelled, labels=np.random.default_rng(0).permutation(world.truth))
    again = case.method().adapt(world.task(unlabeled=shuffled.unlabeled()))
    assert bits(again) == bits(fitted(case, case.solves))
    assert again.history == fitted(case, case.solves).history


@every
def test_it_says_that_it_needs_a_target(case: Case) -> None:
    if not method_class(case.name).needs_target:
        pytest.skip("this one works without")
    with pytest.raises(InputError, match=rf"method '{case.name}' adapts a source to a target, and there is no target"):
        case.method().fit(shifted.SAME.task().without_target())


@every
def test_validators_can_judge_it(case: Case) -> None:
    task = getattr(shifted, case.solves).task()
    model = fitted(case, case.solves)
    seen = evidence_of(task, model)
    assert len(seen.source_labels) == len(task.train) // 5 and seen.target_logits.shape == (len(task.unlabeled), 2)
    assert seen.source_features.shape[1] == seen.target_features.shape[1]
    scores = validate(seen)
    # Weights for covariate shift give up on the part of the source that the target never visits.
    assert scores["source-accuracy"].value > (0.4 if case.solves == "COVARIATE" else 0.75)
    assert np.isfinite(scores["information"].value) and np.isfinite(scores["silhouette"].value)


@every
def test_saved_and_read_again_it_answers_the_same(case: Case, tmp_path: Any) -> None:
    model, world = fitted(case, case.solves), getattr(shifted, case.solves)
    Artifact(model.backbone, model.head, Classes(("a", "b"))).save(tmp_path / "model")
    read = load_artifact(tmp_path / "model").head
    np.testing.assert_array_equal(read.outputs(world.target), model.head.outputs(world.target))


@networks
def test_another_seed_is_another_model(case: Case) -> None:
    method = case.method(epochs=1)
    first, second = (method.adapt(shifted.SAME.task(seed)) for seed in (0, 1))
    assert bits(first) != bits(second)


def test_labels_cannot_be_smuggled_in() -> None:
    with pytest.raises(DataError, match=r"unlabelled target 'source' carries labels, which no method may see"):
        shifted.SAME.task(unlabeled=rows(shifted.SAME.source, shifted.SAME.labels, "source"))
    with pytest.raises(DataError, match=r"task.target holds labelled target examples; 'target' has no labels"):
        shifted.SAME.task(target=rows(shifted.SAME.target, None, "target"))
    other = replace(rows(shifted.SAME.target, shifted.SAME.truth, "few"), problem=Classes(("b", "a")))
    with pytest.raises(DataError, match=r"the labelled target 'few' has classes \('b', 'a'\), the source \('a', 'b'\)"):
        shifted.SAME.task(target=other)


def test_a_diverging_critic_stops_and_is_named() -> None:
    kept: dict[str, Any] = {}

    class Diverging(DomainAdversarial):
        def forward(self, view: Any) -> Any:
            terms = super().forward(view)
            return {k: t * float("inf") for k, t in terms.items()} if view.progress > 0.4 else terms

        def after_step(self, model: Any) -> None:
            kept["model"], kept["weights"] = model, toy.weights(model)

    class Doomed(DANN):
        def _term(self, state: Any) -> Any:
            return Diverging(state.width, hidden=8)

    with pytest.raises(NonFiniteError, match=r"at step 73, 'domain' is inf\. The weights are those of the step before"):
        Doomed(**SHORT).adapt(shifted.SAME.task())
    assert toy.same(kept["weights"], toy.weights(kept["model"]))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tuning": "frzen"}, r"tuning cannot be 'frzen'. Did you mean 'frozen'"),
        ({"growth": "up"}, r"growth cannot be 'up'. Choose from 'fixed', 'ramp'"),
        ({"sources": "all"}, r"sources cannot be 'all'"),
        ({"statistics": "ech"}, r"statistics cannot be 'ech'. Did you mean 'each'"),
        ({"augment": "some"}, r"no augmentation preset 'some'"),
        ({"epochs": 0}, r"epochs must be at least 1; it was 0"),
        ({"batch_size": 0}, r"batch_size must be at least 1"),
        ({"weight": -1.0}, r"weight must be 0 or more; it was -1.0"),
        ({"weight": float("nan")}, r"weight must be a finite number; it was nan"),
        ({"bottleneck": -1}, r"bottleneck must be 0 or more"),
        ({"lr": 0.0}, r"lr=0.0 trains nothing"),
        ({"backbone_lr": float("inf")}, r"backbone_lr=inf trains nothing"),
    ],
)
def test_settings_that_cannot_work_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        DANN(**settings)


def test_domains_that_cannot_work_are_named() -> None:
    world = shifted.SAME
    with pytest.raises(
        InputError, match=r"method 'source-network' adapts a source to a target, and there is no target"
    ):
        SourceNetwork(statistics="each").fit(world.task().without_target())
    with pytest.raises(DataError, match=r"adapting needs a source with examples of 2 classes; 'source' has one"):
        DANN().adapt(world.task(train=rows(world.source, np.zeros(240, int), "source")))
    with pytest.raises(DataError, match=r"stream 'unlabeled' \('target'\) has 1 examples; adapting needs 2 or more"):
        DANN().adapt(world.task(unlabeled=rows(world.target[:1], None, "target")))
    with pytest.raises(InputError, match=r"tuning='full' moves a backbone, and feature rows have none"):
        DANN(tuning="full").adapt(world.task())
    with pytest.raises(DataError, match=r"sources names the origin of 3 rows; there are 240"):
        DANN(sources="weighted").adapt(world.task(sources=np.zeros(3, np.int64)))


def test_without_a_bottleneck_the_head_is_linear() -> None:
    model = MCC(**SHORT | {"bottleneck": 0}).adapt(shifted.SAME.task())
    assert type(model.head) is Head and shifted.SAME.score(model) > 0.95


def test_a_few_labelled_target_examples_join() -> None:
    world = shifted.FLIPPED
    few = rows(world.target[:40], world.truth[:40], "few")
    method = SourceNetwork(**SHORT)
    told, untold = method.adapt(world.task(target=few)), method.adapt(world.task())
    rest = World(world.source, world.labels, world.target[40:], world.truth[40:])
    assert rest.score(untold) < 0.1 and rest.score(told) > 0.3
    assert {"task", "target"} <= told.history[0].keys()


def test_a_source_that_looks_like_the_target_counts_more() -> None:
    near, far = shifted.TURNED, shifted.FLIPPED
    moved = far.target + 6 * np.eye(shifted.WIDTH)[5]
    both = World(np.concatenate([near.target[:110], moved]), np.concatenate([near.truth[:110], far.truth]),
                 near.target[110:], near.truth[110:])  # fmt: skip
    origin = np.repeat([0, 1], [110, len(moved)])
    scores = {}
    for kind in ("combined", "weighted"):
        model = SourceNetwork(**SHORT | {"bottleneck": 0, "epochs": 10}, sources=kind).adapt(both.task(sources=origin))
        scores[kind] = both.score(model)
    assert scores["weighted"] > scores["combined"] + 0.1 and scores["weighted"] > 0.95, scores
    assert "sources are weighted by likeness to the target (0: 3.00, 1: 0.02)" in str(model.selection)


def test_entropy_is_what_tent_adds_to_the_targets_statistics() -> None:
    world, task = shifted.SCALED, shifted.SCALED.task()
    models = [method_class("adabn")(**SHORT).adapt(task), method_class("tent")(**SHORT, adapt_lr=0.003).adapt(task)]
    sure = [np.sort(replace(m.head, temperature=1.0).outputs(world.target))[:, -1].mean() for m in models]
    assert sure[1] > sure[0] and models[1].history[-1]["stage"] == "entropy"
    assert models[0].source_head is not None
    assert (models[0].source_head.predict(world.source) == world.labels).mean() > 0.98


def test_statistics_of_its_own_without_a_term_are_adaptive_normalisation() -> None:
    """Over frozen features the network is trained on the source alone, and the target is read by its own statistics."""
    task = shifted.FAR.task()
    own, adabn = SourceNetwork(**SHORT, statistics="each").adapt(task), method_class("adabn")(**SHORT).adapt(task)
    assert own.head.logits(shifted.FAR.target) == pytest.approx(adabn.head.logits(shifted.FAR.target), abs=1e-4)
    assert own.source_head is not None and adabn.source_head is not None
    assert own.source_head.equals(adabn.source_head)


def test_half_the_way_is_between() -> None:
    none, half, whole = (
        method_class("adabn")(**SHORT, weight=w).adapt(shifted.FAR.task()).head.logits(shifted.FAR.target).mean(axis=0)
        for w in (0.0, 0.5, 1.0)
    )
    assert (np.sign(half - none) == np.sign(whole - half)).all()


def test_the_source_is_gone_while_shot_adapts() -> None:
    model = method_class("shot")(**SHORT, rounds=2).adapt(shifted.SHIFTED.task())
    later = [r for r in model.history if r["stage"].startswith("round")]
    assert {r["stage"] for r in later} == {"round 1", "round 2"}
    assert all({"information", "self_labels"} <= r.keys() and "task" not in r for r in later)
    assert model.source_head is not None
    assert np.array_equal(model.source_head.weight, model.head.weight), "the last layer stays"


@pytest.mark.parametrize("rule", ["fixed", "flex"])
def test_other_rules_of_belief_help_where_source_only_is_nearly_right(rule: str) -> None:
    before = shifted.SHIFTED.score(SourceNetwork(**SHORT).adapt(shifted.SHIFTED.task()))
    model = method_class("pseudo-label")(**SHORT, rule=rule).adapt(shifted.SHIFTED.task())
    assert shifted.SHIFTED.score(model) > before + 0.03
    assert "round 3 learned from" in str(model.selection)


def test_nothing_believed_is_said() -> None:
    model = method_class("pseudo-label")(**SHORT | {"epochs": 1}, rule="fixed", threshold=1.0).adapt(
        shifted.SAME.task()
    )
    assert "round 1 found fewer than 2 target rows with a sure answer" in str(model.selection)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("shot", {"rounds": 0}, r"rounds must be at least 1; it was 0"),
        ("tent", {"statistics": "each"}, r"tent gives the target its own statistics by itself: leave statistics out"),
        ("infomax", {"diversity": -1.0}, r"diversity must be 0 or more; it was -1"),
        ("adabn", {"weight": 1.5}, r"weight must be 0 or more and at most 1; it was 1.5"),
        ("tent", {"rounds": 0}, r"rounds must be at least 1; it was 0"),
        ("shot", {"adapt_lr": 0.0}, r"adapt_lr=0.0 trains nothing"),
        ("tent", {"adapt_lr": -1.0}, r"adapt_lr=-1.0 trains nothing"),
        ("pseudo-label", {"rule": "flx"}, r"rule cannot be 'flx'. Did you mean 'flex'"),
        ("pseudo-label", {"threshold": 1.5}, r"threshold must be 0 or more and at most 1; it was 1.5"),
        ("noisy-student", {"rounds": 0}, r"rounds must be at least 1; it was 0"),
        ("can", {"round_epochs": 0}, r"round_epochs must be at least 1; it was 0"),
        ("mcd", {"turns": 0}, r"turns must be at least 1; it was 0"),
        ("adda", {"adapt_lr": 0.0}, r"adapt_lr=0.0 trains nothing: give a number above 0, as in adapt_lr=0.0003"),
        ("vada", {"radius": -1.0}, r"radius must be 0 or more; it was -1\.0"),
    ],
)
def test_settings_of_later_methods_that_cannot_work_are_named(name: str, settings: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        method_class(name)(**settings)


class StoppedError(Exception):
    """Stands for whatever ends a process."""


@pytest.mark.parametrize("name", ["cdan", "shot", "adda", "mean-teacher", "pseudo-label", "tent"])
def test_interrupted_and_started_again_it_ends_the_same(name: str, tmp_path: Any) -> None:
    method = method_class(name)(**SHORT | {"epochs": 3})
    expected = method.adapt(shifted.SHIFTED.task())
    last = expected.history[-1]["stage"]

    def halt(stage: str, done: int, _total: int) -> None:
        if stage == last and done == 3:
            raise StoppedError

    with pytest.raises(StoppedError):
        method.adapt(shifted.SHIFTED.task(workdir=tmp_path, checkpoint_steps=1, progress=halt))
    again = method.adapt(shifted.SHIFTED.task(workdir=tmp_path))
    assert bits(again) == bits(expected) and again.history == expected.history


def test_threads_are_given_back() -> None:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        SourceNetwork(**SHORT | {"epochs": 1}).adapt(shifted.SAME.task())
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
