"""Whether to adapt, decided without target labels: worlds where it should, and worlds where it must not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from laws.adaptation_cases import bits
from transferium.data.domain import Domain
from transferium.embedding.embed import Embedder
from transferium.errors import InputError
from transferium.functional.validators.agreement import peer_agreement
from transferium.functional.validators.catalogue import validate
from transferium.functional.validators.clusters import cluster_agreement
from transferium.functional.validators.ensemble import ensemble_agreement
from transferium.functional.validators.evidence import Evidence
from transferium.methods.adaptation_task import AdaptationTask
from transferium.methods.catalogue import METHODS, method_class
from transferium.methods.fitted import Fitted
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.frozen.source_only import SourceOnly
from transferium.methods.holdout import HELD, hold_out
from transferium.methods.method import Method
from transferium.methods.model_selection.election import elect
from transferium.methods.model_selection.guards import Preconditions
from transferium.methods.model_selection.most_agreed import most_agreed, standings, together
from transferium.methods.shallow_adaptation.prototypes import Prototypes
from transferium.methods.task import Task
from transferium.models.catalogue import find_backbone
from transferium.models.heads.linear import Head
from worlds.tables import clusters, lines, table


def task_of(source: Domain, target: Domain) -> AdaptationTask:
    backbone = replace(find_backbone(None, "features"), width=source.features.shape[1])
    return AdaptationTask(source, None, backbone, Embedder(None), seed=0, unlabeled=target.unlabeled())


def accuracy(fitted: Fitted, x: np.ndarray, y: np.ndarray) -> float:
    return float((fitted.head.predict(x.astype(np.float32)) == y).mean())


def elect_from(task: AdaptationTask, *names: str) -> Fitted:
    return elect(task, {name: method_class(name)() for name in names}, SourceOnly())


def moved_clusters() -> tuple[Task, np.ndarray, np.ndarray]:
    x, y = clusters(240, 0)
    z, truth = clusters(240, 1, turn=0.8)
    return task_of(table(x, y, "s"), table(z, None, "t")), z, truth


def test_prototypes_follow_clusters_that_moved() -> None:
    task, z, truth = moved_clusters()
    before, after = (accuracy(m.adapt(task), z, truth) for m in (LinearProbe(), Prototypes()))
    assert after > before + 0.03 and after > 0.95


def test_prototypes_are_wrong_where_classes_are_no_clusters() -> None:
    x, y = lines(300, 0)
    z, truth = lines(300, 1)
    task = task_of(table(x, y, "s", "ab"), table(z, None, "t"))
    before, after = (accuracy(m.adapt(task), z, truth) for m in (LinearProbe(), Prototypes()))
    assert after < before - 0.1


def test_what_helps_is_taken() -> None:
    task, z, truth = moved_clusters()
    chosen = elect_from(task, "standardise", "prototypes", "mcc")
    assert chosen.method == "prototypes"
    assert accuracy(chosen, z, truth) > accuracy(LinearProbe().adapt(task), z, truth)
    assert chosen.selection.chosen == {"method": "prototypes"}
    assert "prototypes agrees most with the others" in chosen.selection.notes[0]
    keys = ["method", "agreement", "cross-validation", "ensemble", "score"]
    assert [list(row) for row in chosen.selection.candidates] == [keys] * 3
    assert "standardise did not stand" in " ".join(chosen.selection.notes), "class shares would explain this turn"


def test_source_only_is_fitted_once_and_prototypes_begin_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    task, asked, solve = moved_clusters()[0], [], LinearProbe.solve
    alone = Prototypes().adapt(task)
    monkeypatch.setattr(LinearProbe, "solve", lambda self, *given: asked.append(self.name) or solve(self, *given))
    beside = elect_from(task, "prototypes", "kmm").beside
    assert asked == ["source-only"]
    assert bits(beside["prototypes"]) == bits(alone)
    known = replace(task, probe=beside["source-only"])
    assert known.on(np.arange(100)).probe is None, "it is the probe of other examples"


def test_auto_chooses_the_weight_of_one_method() -> None:
    task, z, truth = moved_clusters()
    method = method_class("auto")(adaptations=("mcc@0", "mcc@0.3", "mcc@3"), epochs=30)
    assert [r.weight for r in method.candidate_methods().values()] == [0.0, 0.3, 3.0]
    chosen = method.adapt(task)
    scores = {name: accuracy(fitted, z, truth) for name, fitted in chosen.beside.items()}
    assert chosen.method == "mcc" and chosen.selection.chosen == {"method": "mcc@3"}
    assert accuracy(chosen, z, truth) == scores["mcc@3"] > max(scores["mcc@0"], scores["source-only"]) + 0.03


def test_named_validators_vote_and_no_others() -> None:
    task = moved_clusters()[0]
    named = ("source-accuracy", "importance-weighted", "dev", "snd", "entropy", "bnm", "ensemble")
    asked = method_class("auto")(adaptations=("prototypes",), validators=named).adapt(task)
    rows, notes = asked.selection.candidates, " ".join(asked.selection.notes)
    assert [row["method"] for row in rows] == ["source-only", "prototypes"]
    assert all(set(row) == {"method", "mean_rank", *named} for row in rows)
    assert all(row[name] is not None for row in rows for name in named[:-1])
    assert "ensemble did not vote" in notes and rows[0]["ensemble"] is None
    # Held-out source rows are answered for out of fold, as everywhere.
    probe = asked.beside["source-only"]
    held = np.setdiff1d(np.arange(len(task.train)), hold_out(task, HELD).kept)
    right = float((probe.oof_outputs[held].argmax(1) == task.train.y[held]).mean())
    assert rows[0]["source-accuracy"] == pytest.approx(right, abs=1e-4)
    by_clusters = method_class("auto")(adaptations=("prototypes",), validators=("ami",)).adapt(task)
    assert by_clusters.method == "prototypes" and "validators that were named" in by_clusters.selection.rule
    assert "1 of 1 validators prefer it" in by_clusters.selection.notes[0]
    by_source = method_class("auto")(adaptations=("prototypes",), validators=("source-accuracy",)).adapt(task)
    assert by_source.method == "source-only", "it sees nothing of the target"
    with pytest.raises(InputError, match=r"there is no validator 'sdn'. Did you mean 'snd'"):
        method_class("auto")(validators=("sdn",))


def test_auto_asks_every_adaptation_that_can_to_weigh_the_sources() -> None:
    methods = method_class("auto")(
        adaptations=("coral", "prototypes", "mcc@0.3"), sources="weighted"
    ).candidate_methods()
    assert {name: m.get_params().get("sources") for name, m in methods.items()} == {
        "coral": "weighted",
        "prototypes": None,
        "mcc@0.3": "weighted",
    }


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("mcc@much", r"auto cannot try 'mcc@much': behind @ stands a weight, as in mcc@0.3"),
        ("mccc@1", r"auto cannot try 'mccc'. Did you mean 'mcc'"),
        ("prototypes@1", r"gives prototypes a weight, and prototypes has neither weight nor strength"),
        ("coral@2", r"strength"),
        ("", r"adaptations must name at least one method that adapts: prototypes, pooled, mcd, .*, cdan-e, mdd\.$"),
        ("finetune", r"auto cannot try 'finetune' as an adaptation: it does not learn from a target without labels\. "),
        ("source-only", r"auto cannot try 'source-only' as an adaptation: "),
        ("finetun", r"auto cannot try 'finetun'\. Choose from 'adabn', .*"),
    ],
)
def test_weights_that_cannot_work_are_named(given: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        method_class("auto")(adaptations=(given,))


@pytest.mark.parametrize("setting", ["adaptations", "candidates"])
def test_a_candidate_is_named_once(setting: str) -> None:
    with pytest.raises(InputError, match=r"auto cannot try 'lora' twice: name each of lora, mcc, lora once\."):
        method_class("auto")(**{setting: ("lora", "mcc", "lora")})


@pytest.mark.parametrize("name", ["pooled", "tradaboost"])
def test_what_needs_labels_of_the_target_is_refused_without_any(name: str) -> None:
    task, _, _ = moved_clusters()
    auto = method_class("auto")(adaptations=("standardise", name))
    with pytest.raises(InputError) as caught:
        auto.adapt(task)
    assert str(caught.value) == (
        f"auto cannot try {name} here: it learns from a few labelled target examples, and there are none. Give few=…, "
        "or leave it out of adaptations."
    )


def test_what_lives_on_clusters_is_not_taken_where_classes_are_none() -> None:
    x, y = lines(300, 0)
    z, truth = lines(300, 1, shift=0.5)
    task = task_of(table(x, y, "s", "ab"), table(z, None, "t"))
    chosen = elect_from(task, "prototypes", "kmm", "density-ratio")
    assert chosen.method != "prototypes"
    assert accuracy(chosen, z, truth) >= accuracy(LinearProbe().adapt(task), z, truth) - 0.01


def test_making_domains_alike_is_refused_where_other_shares_explain_all() -> None:
    x, y = clusters(300, 0)
    z, _ = clusters(300, 1, shares=(0.8, 0.15, 0.05))
    preconditions = Preconditions.of(table(x, y, "s"), table(z, None, "t"))
    assert preconditions.explained > 0.8
    assert "other class shares alone explain" in preconditions.reason_to_exclude(method_class("standardise")())
    moved, _ = clusters(300, 1, shift=2.2)
    source = table(x, y, "s")
    assert Preconditions.of(source, table(moved, None, "t")).reason_to_exclude(method_class("standardise")()) == ""
    told = " ".join(elect_from(task_of(source, table(z, None, "t")), "standardise", "prototypes").selection.notes)
    assert "standardise did not stand: other class shares alone explain" in told


def test_each_of_several_sources_is_asked() -> None:
    """What differs between sources hides class shares where all are looked at as one."""
    parts = [clusters(150, 0), clusters(150, 1)]
    x = np.concatenate([x + 6 * sign * np.eye(8)[3] for (x, _), sign in zip(parts, (-1, 1), strict=True)])
    y, origin = np.concatenate([y for _, y in parts]), np.repeat(np.arange(2), 150)
    target = table(clusters(300, 9, shares=(0.8, 0.15, 0.05))[0], None, "t")
    pooled, each = (Preconditions.of(table(x, y, "s"), target, of) for of in (None, origin))
    assert pooled.explained > 0.5 and each.explained < 0.2


OTHERS = {"prototypes", "pseudo-label", "noisy-student", "fixmatch", "mean-teacher", "can", "shot", "bnm", "mcc"}
OTHERS |= {"infomax", "afn", "kmm", "density-ratio", "label-shift", "bbse", "em"}
ALIKE = {"standardise", "coral", "subspace", "tca", "jda", "bda", "ot", "linear-map", "adabn", "tent", "dan", "jan"}
ALIKE |= {"deep-coral", "dann", "bsp", "cdan", "cdan-e", "mdd", "mcd", "adda", "cgn", "vada"}


def test_every_method_that_reads_a_target_says_whether_it_makes_domains_alike() -> None:
    classes = {name: method_class(name) for name in METHODS}
    assert {name for name, cls in classes.items() if cls.makes_alike} == ALIKE
    assert {name for name, cls in classes.items() if cls.needs_target} == OTHERS | ALIKE
    shares, still = Preconditions(0.9, 300), Preconditions(0.9, 300, shifted=False)
    for name in OTHERS | ALIKE:
        assert bool(shares.reason_to_exclude(classes[name]())) == (name in ALIKE), name
        assert not still.reason_to_exclude(classes[name]()), name


def test_candidates_are_compared_with_all_others() -> None:
    task, z, _ = moved_clusters()
    x, y = task.train.features, task.train.y
    heads = [method_class(name)().adapt(task).head for name in ("probe", "prototypes", "coral")]
    seen = [Evidence(x, head.logits(x), y, z, head.logits(z)) for head in heads]
    scores = [validate(each, ("agreement",))["agreement"].value for each in together(seen)]
    answers = [head.predict(z) for head in heads]
    assert scores[0] == pytest.approx(np.mean([cohen_kappa_score(answers[0], answers[k]) for k in (1, 2)]))
    assert scores[2] == pytest.approx(np.mean([cohen_kappa_score(answers[2], answers[k]) for k in (0, 1)]))


@dataclass
class Planted(Method):
    """A candidate that is planted: the probe with another head, or with noise for one where there is none."""

    name: ClassVar[str] = "planted"
    head: Head | None = None

    def fit(self, task: Task) -> Fitted:
        good = LinearProbe().fit(task)
        noise = Head(50 * np.random.default_rng(0).normal(size=good.head.weight.shape), np.zeros(task.classes))
        return replace(good, method=self.name, head=self.head or noise)


def stuck(k: int) -> Planted:
    """Always one class, surely."""
    return Planted(Head(np.zeros((3, 8)), 9.0 * np.eye(3)[k]))


def test_a_candidate_that_forgot_everything_is_not_taken() -> None:
    chosen = elect(moved_clusters()[0], {"planted": Planted(), "prototypes": Prototypes()}, SourceOnly())
    assert chosen.selection.chosen["method"] != "planted"
    noise = next(row for row in chosen.selection.candidates if row["method"] == "planted")
    assert abs(noise["agreement"]) < 0.3


@pytest.mark.parametrize("shares", [(1 / 3,) * 3, (1.0, 0.0, 0.0)])
def test_where_all_candidates_collapse_or_copy_source_only_it_stays(shares: tuple[float, ...]) -> None:
    task = task_of(table(*clusters(240, 0), "s"), table(clusters(240, 1, turn=0.8, shares=shares)[0], None, "t"))
    fallen = elect(task, {f"fell on {k}": stuck(k) for k in range(3)}, SourceOnly())
    assert fallen.method == "source-only"
    flat = task_of(table(*clusters(240, 0), "s"), table(np.ones((240, 8)), None, "t"))
    told = elect_from(flat, "prototypes", "kmm", "label-shift").selection.notes[0]
    assert told == "source only, since no candidate agrees with the others beyond chance"
    copies = elect(task, {name: SourceOnly() for name in ("one", "two", "three")}, SourceOnly())
    assert copies.selection.chosen == {"method": "source-only"}
    assert copies.selection.notes[0] == "source only: agreement needs 3 candidates or more; found 1"
    assert copies.selection.notes[1:4] == tuple(
        f"{name} answers as source-only does, which the same method made: they count as one"
        for name in ("one", "two", "three")
    )
    x, y = clusters(240, 0)
    alike = elect_from(task_of(table(x, y, "s"), table(x, None, "t")), "kmm", "density-ratio")
    assert alike.selection.notes[0] == "source only, since all candidates give the same answers for the target"


def test_a_copy_of_a_candidate_changes_nothing() -> None:
    task = moved_clusters()[0]
    names = ("kmm", "prototypes", "mcc")
    candidates = {name: method_class(name)() for name in names}
    more = candidates | {f"copy {k}": method_class("kmm")() for k in range(3)}
    once, often = (elect(task, each, SourceOnly()).selection for each in (candidates, more))
    assert once.chosen == often.chosen and list(once.candidates) == list(often.candidates)[:4]
    assert all({**row, "method": "kmm"} == often.candidates[1] for row in often.candidates[4:])


def test_a_target_of_one_class_in_truth_is_left_to_source_only() -> None:
    x, y = clusters(240, 0)
    z, truth = clusters(240, 1, turn=0.5, shares=(1.0, 0.0, 0.0))
    task = task_of(table(x, y, "s"), table(z, None, "t"))
    chosen = elect_from(task, "standardise", "coral", "prototypes", "kmm")
    assert accuracy(chosen, z, truth) >= accuracy(LinearProbe().adapt(task), z, truth) > 0.95


def test_sources_that_contradict_each_other_do_no_harm() -> None:
    (x, y), (z, truth) = clusters(240, 0), clusters(240, 2, turn=0.4)
    both = table(np.concatenate([x, x + 1]), np.concatenate([y, (y + 1) % 3]), "s")
    task = replace(task_of(both, table(z, None, "t")), sources=np.repeat([0, 1], 240))
    chosen = elect_from(task, "standardise", "coral", "prototypes")
    assert accuracy(chosen, z, truth) >= accuracy(SourceOnly().adapt(task), z, truth) - 0.01


def test_the_target_is_asked_for_clusters_not_the_source() -> None:
    """Strong directions of the source hide its clusters, and the target has none of them."""
    rng = np.random.default_rng(0)
    means, off = rng.normal(size=(7, 24)), np.linalg.qr(rng.normal(size=(24, 4)))[0].T
    y, truth = rng.integers(0, 7, 280), rng.integers(0, 7, 280)
    x = means[y] + 0.35 * rng.normal(size=(280, 24)) + 5.8 * rng.normal(size=(280, 3)) @ off[:3]
    z = means[truth] + 0.35 * rng.normal(size=(280, 24)) + 10 * off[3]
    task = task_of(table(x, y, "s", "abcdefg"), table(z, None, "t"))
    assert cluster_agreement(x, y, classes=7) < 0.5
    chosen = elect_from(task, "standardise", "coral", "prototypes")
    assert accuracy(chosen, z, truth) > accuracy(LinearProbe().adapt(task), z, truth) + 0.1


def test_too_few_target_examples_leave_source_only() -> None:
    x, y = clusters(120, 0)
    z, _ = clusters(8, 1, turn=0.8)
    chosen = elect_from(task_of(table(x, y, "s"), table(z, None, "t")), "standardise", "coral", "prototypes")
    assert chosen.method == "source-only"
    assert chosen.selection.notes[0] == "source only: 8 target examples are too few (fewer than 20)"
    assert elect_from(task_of(table(x, y, "s"), table(z[:5], None, "t")), "prototypes").method == "source-only"


def test_a_budget_that_is_used_up_is_said() -> None:
    task, _, _ = moved_clusters()
    chosen = elect_from(replace(task, budget_s=0.0), "prototypes")
    assert chosen.method == "source-only" and any("budget of 0 s was used up" in n for n in chosen.selection.notes)


def test_an_adaptation_without_a_target_says_what_to_give() -> None:
    x, y = clusters(60, 0)
    task = task_of(table(x, y, "s"), table(x, None, "t")).without_target()
    with pytest.raises(InputError, match="Name the labelled data with source="):
        Prototypes().fit(task)


def at_inference(*labels: int) -> Evidence:
    """A candidate that gives these answers to as many target rows, surely; the rows are points of one line."""
    logits = 9.0 * np.eye(3)[list(labels)]
    rows = np.arange(1.0, len(labels) + 1)[:, None] * [1.0, 0.0]
    return Evidence(rows, logits, np.array(labels), rows, logits)


def test_the_candidate_that_the_others_agree_with_most_is_taken() -> None:
    names = ["source-only", "one", "two", "lone"]
    thirds, one, two = [0, 1, 2] * 40, [0, 1, 2] * 36 + [0] * 12, [0, 1, 2] * 38 + [1] * 6
    at, why = most_agreed(names, standings([at_inference(*each) for each in ([0] * 120, one, thirds, two)], names))
    assert names[at] == "two"
    assert why.startswith("two agrees most with the others, chance set aside (mean kappa 0.6")
    assert "; of source only mean kappa 0.000" in why


def test_of_those_that_agree_alike_the_one_most_like_all_together_is_taken() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 300)
    told = [np.where(rng.random(300) < knows, y, rng.integers(0, 3, 300)) for knows in (0.3, 0.7, 0.7, 0.7)]
    seen = [at_inference(*each) for each in told]
    names = ["source-only", "one", "two", "three"]
    found = standings(seen, names)
    assert found[0].clustered < 0.02, "no clusters: agreement alone decides"
    kappas, likeness = (
        [asked(each.target_logits, each.others) for each in together(seen)]
        for asked in (peer_agreement, ensemble_agreement)
    )
    assert (np.argmax([each.value for each in kappas]), np.argmax(likeness)) == (3, 1)
    at, why = most_agreed(names, found)
    assert at == 1 and why.startswith("three agrees most with the others, chance set aside (mean kappa 0.3")
    assert "); one not clearly less, and" in why


def test_source_only_stays_where_no_lead_is_clear() -> None:
    names, before = ["source-only", "one", "two"], [0, 1] * 12
    slight, less = at_inference(*before[:-1], 0), at_inference(*before[:-2], 1, 0)
    at, why = most_agreed(names, standings([at_inference(*before), slight, less], names))
    assert at == 0 and why.startswith("source only, since the lead is not clear: one agrees most with the others")
    at, why = most_agreed(names, standings([slight, at_inference(*before), at_inference(*before[:-1], 2)], names))
    assert at == 0 and why.startswith("source only")


@dataclass
class Slow(Method):
    """Source only, after ``seconds`` by a clock that only it moves."""

    name: ClassVar[str] = "slow"
    clock: ClassVar[float] = 0.0

    seconds: float = 1.0

    def fit(self, task: Task) -> Fitted:
        Slow.clock += self.seconds
        return replace(LinearProbe().fit(task), method=self.name)


def budgeted(task: AdaptationTask, **seconds: float) -> Fitted:
    return elect(task, {name: Slow(s) for name, s in seconds.items()}, Slow(1.0))


def test_a_candidate_that_would_not_fit_into_the_budget_is_not_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transferium.methods.model_selection.election.time.perf_counter", lambda: Slow.clock)
    task = replace(moved_clusters()[0], budget_s=10.0, workdir=tmp_path)
    chosen = budgeted(task, first=5.0, second=2.0, third=0.5)
    assert set(chosen.beside) == {"source-only", "first"}
    said = "was not tried: 4 s of the budget of 10 s were left, and first took 5 s"
    assert f"second {said}" in chosen.selection.notes and f"third {said}" in chosen.selection.notes
    # Resumed, all that was done takes no time, and the same is decided; another budget decides anew.
    again = budgeted(task, first=0.0, second=0.0, third=0.0)
    assert set(again.beside) == set(chosen.beside)
    assert set(budgeted(replace(task, budget_s=20.0), first=5.0, second=2.0, third=0.5).beside) > set(chosen.beside)


def test_an_election_that_was_stopped_counts_what_was_spent_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transferium.methods.model_selection.election.time.perf_counter", lambda: Slow.clock)
    task = replace(moved_clusters()[0], budget_s=10.0, workdir=tmp_path)

    def stop(self: LinearProbe, task: Task) -> Fitted:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Prototypes, "adapt", stop)
        elect(task, {"first": Slow(4.0), "stopped": Prototypes(), "last": Slow(1.0)}, Slow(1.0))
    resumed = budgeted(task, first=0.0, stopped=4.0, last=0.0)
    assert set(resumed.beside) == {"source-only", "first", "stopped"}
    assert "last was not tried: 1 s of the budget of 10 s were left, and first took 4 s" in resumed.selection.notes
