"""Whether to adapt, decided without target labels: worlds where it should, and worlds where it must not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from transferium.data.domain import Domain
from transferium.embedding.embed import Embedder
from transferium.errors import InputError
from transferium.functional.validators.agreement import peer_agreement
from transferium.functional.validators.catalogue import validate
from transferium.functional.validators.ensemble import ensemble_agreement
from transferium.functional.validators.evidence import Evidence
from transferium.methods.adaptation_task import AdaptationTask
from transferium.methods.catalogue import METHODS, method_class
from transferium.methods.deep_adaptation.network import AdaptedNetwork
from transferium.methods.fitted import Fitted
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.frozen.source_only import SourceOnly
from transferium.methods.holdout import HELD, hold_out
from transferium.methods.method import Method
from transferium.methods.model_selection.election import elect, most_agreed, together
from transferium.methods.model_selection.guards import Preconditions
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


def test_the_vote_takes_what_helps() -> None:
    task, z, truth = moved_clusters()
    chosen = elect_from(task, "prototypes")
    assert chosen.method == "prototypes"
    assert accuracy(chosen, z, truth) > accuracy(LinearProbe().adapt(task), z, truth)
    assert chosen.selection.chosen == {"method": "prototypes"}
    assert "prefer it to source only" in chosen.selection.notes[0]


def test_the_vote_chooses_the_weight_of_one_method() -> None:
    task, z, truth = moved_clusters()
    method = method_class("auto")(adaptations=("mcc@0", "mcc@0.3", "mcc@3"), epochs=30)
    assert [r.weight for r in method.candidate_methods().values()] == [0.0, 0.3, 3.0]
    chosen = method.adapt(task)
    scores = {name: accuracy(fitted, z, truth) for name, fitted in chosen.beside.items()}
    assert chosen.method == "mcc" and chosen.selection.chosen == {"method": "mcc@3"}
    assert accuracy(chosen, z, truth) == scores["mcc@3"] > max(scores["mcc@0"], scores["source-only"]) + 0.03
    x, y = lines(300, 0)
    none = method.adapt(task_of(table(x, y, "s", "ab"), table(lines(300, 1)[0], None, "t")))
    assert none.method == "source-only", "what bars a method bars it at any weight"
    assert "mcc@3 did not stand: the source's own classes are not clusters" in " ".join(none.selection.notes)


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


def test_nothing_that_lives_on_clusters_may_stand_where_classes_are_none() -> None:
    x, y = lines(300, 0)
    z, _ = lines(300, 1, shift=0.5)
    chosen = elect_from(task_of(table(x, y, "s", "ab"), table(z, None, "t")), "prototypes", "cdan")
    assert chosen.method == "source-only"
    said = " ".join(chosen.selection.notes)
    assert "cdan did not stand: without clusters to look at, validators read confidence" in said
    assert "prototypes did not stand: the source's own classes are not clusters" in said
    assert "silhouette did not vote" in said and "ami did not vote" in said


def test_making_domains_alike_is_refused_where_other_shares_explain_all() -> None:
    x, y = clusters(300, 0)
    z, _ = clusters(300, 1, shares=(0.8, 0.15, 0.05))
    preconditions = Preconditions.of(table(x, y, "s"), table(z, None, "t"))
    assert preconditions.explained > 0.8
    assert "other class shares alone explain" in preconditions.reason_to_exclude(method_class("standardise")())
    moved, _ = clusters(300, 1, shift=2.2)
    assert (
        Preconditions.of(table(x, y, "s"), table(moved, None, "t")).reason_to_exclude(method_class("standardise")())
        == ""
    )


CLUSTERS = {"prototypes", "pseudo-label", "noisy-student", "fixmatch", "mean-teacher", "can", "shot", "tent", "bnm"}
CLUSTERS |= {"mcc", "infomax", "vada"}
ALIKE = {"standardise", "coral", "subspace", "tca", "jda", "bda", "ot", "linear-map", "adabn", "tent", "dan", "jan"}
ALIKE |= {"deep-coral", "dann", "bsp", "cdan", "cdan-e", "mdd", "mcd", "adda", "vada"}
NEITHER = {"afn", "kmm", "density-ratio", "label-shift", "bbse", "em"}


def test_every_method_that_reads_a_target_says_what_it_lives_on() -> None:
    classes = {name: method_class(name) for name in METHODS}
    assert {name for name, cls in classes.items() if cls.needs_clusters} == CLUSTERS
    assert {name for name, cls in classes.items() if cls.makes_alike} == ALIKE
    assert {name for name, cls in classes.items() if cls.needs_target} == CLUSTERS | ALIKE | NEITHER
    vague, shares = (Preconditions(clustered, explained, 300) for clustered, explained in ((0.1, 0.0), (0.9, 0.9)))
    for name in CLUSTERS | ALIKE | NEITHER:
        method = classes[name]()
        reason = "not clusters" if name in CLUSTERS else "validators read confidence"
        barred = name in CLUSTERS or isinstance(method, AdaptedNetwork)
        assert (reason in vague.reason_to_exclude(method)) == barred, name
        assert bool(shares.reason_to_exclude(method)) == (name in ALIKE), name


def test_over_features_that_the_source_trained_agreement_decides_where_enough_stand() -> None:
    x, y = clusters(300, 0)
    z, _ = clusters(300, 1, turn=0.4)
    frozen, trained = (Preconditions.of(table(x, y, "s"), table(z, None, "t"), trained=t) for t in (False, True))
    assert frozen.usable_validators(4)[0] == trained.usable_validators(2)[0] == ("silhouette", "ami", "diversity")
    asked, silent = trained.usable_validators(3)
    assert asked == ("agreement",)
    assert silent["diversity"] == "candidates that move the backbone maximise it"


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
class Amnesia(Method):
    """A planted fault: its head is noise, surely and evenly so, and its out-of-fold answers are no better."""

    name: ClassVar[str] = "amnesia"

    def fit(self, task: Task) -> Fitted:
        good = LinearProbe().fit(task)
        weight = 50 * np.random.default_rng(0).normal(size=good.head.weight.shape)
        even = np.full((len(task.train), task.classes), 1 / task.classes)
        return replace(good, method=self.name, head=Head(weight, np.zeros(task.classes)), oof_outputs=even)


def test_a_candidate_that_forgot_the_source_is_vetoed() -> None:
    task, _, _ = moved_clusters()
    chosen = elect(task, {"amnesia": Amnesia()}, SourceOnly())
    assert chosen.method == "source-only"
    assert any("amnesia was vetoed: on held-out examples of the source" in note for note in chosen.selection.notes)
    assert {"method": "amnesia", "mean_rank": None} in chosen.selection.candidates


def test_answers_that_cannot_be_carried_back_are_vetoed(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Amnesia.fit
    good = LinearProbe.fit

    def fit(self: Amnesia, task: Task) -> Fitted:  # at home it knows everything; its target answers are noise
        return replace(kept(self, task), oof_outputs=good(LinearProbe(), task).oof_outputs)

    monkeypatch.setattr(Amnesia, "fit", fit)
    x, y = lines(300, 0)
    z, _ = lines(300, 1, shift=0.5)
    chosen = elect(task_of(table(x, y, "s", "ab"), table(z, None, "t")), {"amnesia": Amnesia()}, SourceOnly())
    assert chosen.method == "source-only"
    assert any("amnesia was vetoed: from its target answers" in note for note in chosen.selection.notes)


def test_a_candidate_that_changes_hardly_anything_is_not_chosen() -> None:
    x, y = clusters(240, 0)
    z, _ = clusters(240, 1, turn=0.05)
    chosen = elect_from(task_of(table(x, y, "s"), table(z, None, "t")), "prototypes")
    assert chosen.method == "source-only"
    assert any("too few to tell whether for the better" in note for note in chosen.selection.notes)


def test_too_few_target_examples_leave_source_only() -> None:
    x, y = clusters(120, 0)
    z, _ = clusters(8, 1, turn=0.8)
    chosen = elect_from(task_of(table(x, y, "s"), table(z, None, "t")), "prototypes")
    assert chosen.method == "source-only"
    assert "0 validators could vote and three are needed" in chosen.selection.notes[0]


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
    """A candidate that gives these answers to as many target rows, surely."""
    logits = 9.0 * np.eye(3)[list(labels)]
    rows = np.zeros((len(labels), 1))
    return Evidence(rows, logits, np.array(labels), rows, logits)


def test_the_candidate_that_the_others_agree_with_most_is_taken() -> None:
    names = ["source-only", "one", "two", "lone"]
    thirds, one, two = [0, 1, 2] * 40, [0, 1, 2] * 36 + [0] * 12, [0, 1, 2] * 38 + [1] * 6
    at, why = most_agreed(names, together([at_inference(*each) for each in ([0] * 120, one, thirds, two)]))
    assert names[at] == "two"
    assert why.startswith("two agrees most with the others, chance set aside (mean kappa 0.6")
    assert ", of source only 0.000)" in why


def test_of_those_that_agree_alike_the_one_most_like_all_together_is_taken() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 300)
    told = [np.where(rng.random(300) < knows, y, rng.integers(0, 3, 300)) for knows in (0.3, 0.7, 0.7, 0.7)]
    seen = together([at_inference(*each) for each in told])
    kappas, likeness = (
        [ask(each.target_logits, each.others) for each in seen] for ask in (peer_agreement, ensemble_agreement)
    )
    assert (np.argmax([each.value for each in kappas]), np.argmax(likeness)) == (3, 1)
    at, why = most_agreed(["source-only", "one", "two", "three"], seen)
    assert at == 1 and why.startswith("three agrees most with the others, chance set aside (mean kappa 0.3")
    assert why.endswith("); one not clearly less, and its answers are more like those of all together")


def test_source_only_stays_where_no_lead_is_clear() -> None:
    names, before = ["source-only", "one", "two"], [0, 1] * 6
    slight = at_inference(*before[:-1], 0)
    at, why = most_agreed(names, together([at_inference(*before), slight, slight]))
    assert at == 0 and why.startswith("source only, since the lead is not clear: one agrees most with the others")
    at, why = most_agreed(names, together([at_inference(*before), at_inference(*before), slight]))
    assert at == 0 and why.startswith("source only agrees most with the others")


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
