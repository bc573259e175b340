"""The adaptation job: labels that nobody sees, bad input, oracle, and what is written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import transferium as tm
from transferium.artifact import load_artifact
from transferium.data.domain import Domain
from transferium.data.pairing import pair_domains
from transferium.data.samples import Items, Rows
from transferium.embedding.embed import Embedder, Embedding
from transferium.errors import ArtifactError, DataError, InputError
from transferium.job.adapt.before_and_after import collapsed
from transferium.job.adapt.candidates import FOLDER, LIST, save_candidates, saved_candidates
from transferium.job.adapt.evaluate_adapted import evaluate_adapted
from transferium.job.adapt.fit import adapt, artifacts
from transferium.job.adapt.run import SOURCE_ONLY, adapt_job
from transferium.job.options import FitOptions
from transferium.job.stopwatch import Stopwatch
from transferium.methods.catalogue import find_method
from transferium.methods.frozen.source_only import SourceOnly
from transferium.methods.shallow_adaptation.prototypes import Prototypes
from transferium.models.backbone import Backbone
from transferium.problems.classes import Classes
from worlds.domains import model_bytes
from worlds.tables import clusters, spread_alike, table, write_table

LIGHT = {"adaptations": ("prototypes",), "validators": ("cross-validation", "silhouette", "ami")}


def world(parts: bool = False) -> tuple[Domain, Domain]:
    x, y = clusters(150, 0)
    z, truth = clusters(150, 1, turn=0.8)
    target = table(z, truth, "t")
    return table(x, y, "s"), replace(target, parts=np.repeat(["train", "test"], [100, 50])) if parts else target


def run(out: Path, source: Domain, target: Domain, method: str = "auto", *, oracle: bool = False) -> dict:
    settings = LIGHT if method == "auto" else {}
    asked = FitOptions(out=out, method=find_method(method, settings), command="fit")
    return adapt_job(pair_domains([source], target), asked, Embedder(None), Stopwatch(), oracle=oracle)


def test_shuffling_or_deleting_target_labels_changes_no_byte_of_the_model(tmp_path: Path) -> None:
    source, target = world()
    shuffled = replace(target, labels=np.random.default_rng(5).permutation(target.y))
    renamed = replace(target, problem=Classes(("a", "b", "zzz")))
    runs = {
        name: run(tmp_path / name, source, given, oracle=name == "true")
        for name, given in (
            ("true", target),
            ("shuffled", shuffled),
            ("renamed", renamed),
            ("none", target.unlabeled()),
        )
    }
    models = [model_bytes(tmp_path / name) for name in runs]
    assert len(models[0]) == 4
    assert models[0] == models[1] == models[2] == models[3]
    assert runs["true"]["selection"] == runs["none"]["selection"]
    assert runs["true"]["test"]["accuracy"]["value"] > runs["shuffled"]["test"]["accuracy"]["value"] + 0.3
    assert runs["none"]["test"] == {} and runs["none"]["verdict"] == "not asked"
    assert "transferium evaluate RUN" in runs["none"]["verdict_sentence"]


def test_a_peeking_method_would_be_caught(tmp_path: Path) -> None:
    source, target = world()
    with pytest.raises(DataError, match="carries labels, which no method may see"):
        from transferium.methods.adaptation_task import AdaptationTask
        from transferium.models.catalogue import find_backbone

        AdaptationTask(source, None, find_backbone(None, "features"), Embedder(None), 0, unlabeled=target)


def test_the_run_says_what_adapting_was_worth(tmp_path: Path) -> None:
    told = run(tmp_path / "r", *world())
    assert told["method"] == "prototypes"
    assert told["references"]["source_only"]["accuracy"]["value"] < told["test"]["accuracy"]["value"]
    assert told["verdict"] == "helped" and "than source only" in told["verdict_sentence"]
    assert {row["class"] for row in told["by_class"]} == set("abc")
    shares = told["adaptation"]["shares"]
    assert sum(row["after"] for row in shares) == pytest.approx(1.0)
    assert told["adaptation"]["labels_stripped"] is True
    assert 0.3 < told["adaptation"]["distance"]["before"]["accuracy"]["value"] < 0.7  # a turn keeps the means
    assert "after" not in told["adaptation"]["distance"]  # the head alone moved
    written = json.loads((tmp_path / "r" / "metrics.json").read_text())
    assert written["adaptation"] == told["adaptation"]
    assert (tmp_path / "r" / "report.html").stat().st_size > 10_000


def test_a_target_that_came_divided_is_adapted_to_on_train_and_evaluated_on_test(tmp_path: Path) -> None:
    told = run(tmp_path / "r", *world(parts=True))
    assert told["division"]["test"] == 50 and told["test"]["examples"] == 50
    assert told["adaptation"]["target"]["examples"] == 100
    assert "test part is only evaluated on" in told["division"]["rule"]


def test_a_domain_classifier_below_chance_is_explained_by_the_matching(tmp_path: Path) -> None:
    x, y = clusters(150, 0)
    z, truth = clusters(150, 1, shift=3.0)
    told = run(tmp_path / "r", table(x, y, "s"), table(z, truth, "t"), "standardise")["adaptation"]
    before, after = told["distance"]["before"], told["distance"]["after"]
    assert after["accuracy"]["high"] < 0.5 < before["accuracy"]["low"]
    assert "note" not in before and after["note"].startswith("right less often than by chance: the domains' means were")
    assert "After: right less often than by chance" in (tmp_path / "r" / "report.html").read_text().replace(
        "&#39;", "'"
    )
    assert told["transductive"] is True


def test_only_what_came_divided_is_called_held_out(tmp_path: Path) -> None:
    pages = {}
    for parts in (False, True):
        told = run(tmp_path / str(parts), *world(parts=parts), method="coral")
        assert told["adaptation"]["transductive"] is not parts
        pages[parts] = (tmp_path / str(parts) / "report.html").read_text()
    assert "on 150 target examples" in pages[False] and "held-out example" not in pages[False]
    assert "on 50 held-out examples" in pages[True]


@pytest.mark.parametrize("method", ["source-only", "ncm"])
@pytest.mark.parametrize("parts", [False, True])
def test_inputs_that_no_method_looks_at_are_not_called_adapted_to(tmp_path: Path, method: str, parts: bool) -> None:
    told = run(tmp_path / "r", *world(parts=parts), method=method)
    evaluated = "the target's test part is" if parts else "all 150 target inputs are"
    assert told["division"]["rule"].endswith(
        f"; {evaluated} evaluated on; the method does not look at the target's inputs"
    )
    page = (tmp_path / "r" / "report.html").read_text()
    assert told["adaptation"]["transductive"] is False and f"on {50 if parts else 150} held-out examples" in page
    assert "adapted to" not in page


def test_the_oracle_marks_its_numbers_and_needs_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = world()
    told = run(tmp_path / "r", source, target, oracle=True)["adaptation"]["oracle"]
    assert told["oracle"] is True and set(told["accuracy"]) == {"source-only", "prototypes"}
    assert told["gap"] == pytest.approx(told["accuracy"][told["best"]] - told["accuracy"][told["chosen"]])
    strange = replace(target, problem=Classes(("x", "y", "z")))
    for unknown in (target.unlabeled(), strange):
        with monkeypatch.context() as before, pytest.raises(InputError, match="--oracle chooses by target labels, and"):
            before.setattr("transferium.job.adapt.run.adapt", None)  # refused before anything is fitted
            run(tmp_path / "n", source, unknown, oracle=True)


def test_validators_are_asked_about_a_named_method_and_choose_nothing(tmp_path: Path) -> None:
    source, target = world()
    named = run(tmp_path / "named", source, target, "prototypes")["adaptation"]["opinions"]
    before, after = named["rows"]
    assert (before["method"], after["method"]) == ("source-only", "prototypes")
    assert all(after[each] > before[each] for each in ("cross-validation", "silhouette", "ami"))
    assert after["mean_rank"] < before["mean_rank"], (
        "answers that rightly follow moved clusters are not carried back: reverse says otherwise"
    )
    assert named["notes"] == ["validators chose nothing, for the method was named: auto compares it with other methods"]
    voted = run(tmp_path / "voted", source, target)
    assert "opinions" not in voted["adaptation"], "their scores are those of the selection"
    assert voted["selection"]["candidates"][1]["silhouette"] == after["silhouette"]


def test_the_map_may_be_drawn_by_neighbours(tmp_path: Path) -> None:
    source, target = world()
    asked = FitOptions(out=tmp_path / "r", method=find_method("coral", {}), map="tsne", command="fit")
    small = pair_domains([source.take(np.arange(60))], target.take(np.arange(60)))
    maps = adapt_job(small, asked, Embedder(None), Stopwatch())["adaptation"]["maps"]
    assert {when: (drawn["kind"], len(drawn["target"])) for when, drawn in maps.items()} == {
        "before": ("tsne", 60),
        "after": ("tsne", 60),
    }
    assert "t-SNE: what is near was near" in (tmp_path / "r" / "report.html").read_text()
    assert run(tmp_path / "p", source, target)["adaptation"]["maps"]["before"]["kind"] == "pca"


def test_candidates_that_were_not_chosen_are_kept_and_asked_when_labels_come(tmp_path: Path) -> None:
    source, target = world()
    settings = {"adaptations": ("mcc@0.01", "prototypes"), "epochs": 3}
    asked = FitOptions(out=tmp_path / "r", method=find_method("auto", settings), command="fit")
    told = adapt_job(pair_domains([source], target), asked, Embedder(None), Stopwatch(), oracle=True)
    model = load_artifact(tmp_path / "r")
    looks: list[str] = []

    class Counted(Embedder):
        def __call__(self, domain: Domain, *backbones: Backbone, **more: Any) -> list[Embedding]:
            looks.append(domain.name)
            return super().__call__(domain, *backbones, **more)

    later = evaluate_adapted(model, tmp_path / "r", target, Counted(None), seed=0)["oracle"]
    assert looks == ["t", "t"], "all of them read one backbone, asked once for them and once for a probe of the labels"
    assert later.pop("left_out") == []
    assert later == told["adaptation"]["oracle"], "the same labels, now or later, say the same"
    assert set(later["accuracy"]) == {"source-only", "mcc@0.01", "prototypes"} and later["chosen"] == "prototypes"
    # Labels that call the other candidate right put the gap where it belongs.
    kept = saved_candidates(tmp_path / "r", load_artifact(tmp_path / "r" / SOURCE_ONLY), "auto").models
    flattering = replace(target, labels=kept["mcc@0.01"].head.predict(target.features))
    found = evaluate_adapted(model, tmp_path / "r", flattering, Embedder(None), seed=0)["oracle"]
    assert found["best"] == "mcc@0.01" and found["accuracy"]["mcc@0.01"] == 1.0
    assert found["gap"] == pytest.approx(1.0 - found["accuracy"]["prototypes"]) and found["gap"] > 0.03
    (tmp_path / "r" / FOLDER / LIST).write_text("{}")
    with pytest.raises(ArtifactError, match="to evaluate without candidates"):
        evaluate_adapted(model, tmp_path / "r", target, Embedder(None), seed=0)


def test_of_candidates_that_moved_a_backbone_the_answers_are_kept(tmp_path: Path) -> None:
    source, target = world()
    asked = FitOptions(out=tmp_path / "a", method=find_method("auto", LIGHT), command="fit")
    made = adapt(pair_domains([source], target), asked, Embedder(None), Stopwatch())
    stranger = replace(made.fitted, backbone=replace(made.fitted.backbone, fingerprint="moved"))
    beside = {**made.fitted.beside, "moved": stranger, "still": made.fitted}
    (tmp_path / "run").mkdir()
    save_candidates(tmp_path / "run", replace(made, fitted=replace(made.fitted, beside=beside)))
    alone, _ = artifacts(made, asked)
    kept = saved_candidates(tmp_path / "run", alone, "auto")
    assert (list(kept.models), kept.chosen, list(kept.answers)) == (["still"], "prototypes", ["moved"])
    assert kept.models["still"].head.equals(made.fitted.head)
    some = target.take(np.random.default_rng(0).permutation(len(target))[:60])
    found, left_out = kept.answers_for(some)
    assert (found["moved"] == made.fitted.head.predict(some.features)).all() and not left_out
    stranger_row = replace(some, samples=Rows(some.features + 1))
    assert kept.answers_for(stranger_row) == ({}, ["moved"]), "what nobody was asked has no answer"


def test_networks_that_moved_a_backbone_have_an_oracle_gap_when_labels_come(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)

    def pictures(name: str, light: int) -> Domain:
        y = np.arange(40) % 2
        shown = [rng.integers(0, 40, (16, 16, 3)).astype(np.uint8) + light for _ in y]
        for picture, k in zip(shown, y, strict=True):
            picture[:, 8 * k : 8 * k + 8] += 120
        return Domain(
            Items(shown), "image", [f"{name}{i}" for i in range(40)], y, Classes(("left", "right")), name=name
        )

    source, target = pictures("s", 0), pictures("t", 60)
    settings = {"adaptations": ("mcc", "dan"), "tuning": "full", "epochs": 1}
    asked = FitOptions(out=tmp_path / "r", method=find_method("auto", settings), backbone="small_cnn", command="fit")
    told = adapt_job(pair_domains([source], target), asked, Embedder(None), Stopwatch(), oracle=True)
    later = evaluate_adapted(load_artifact(tmp_path / "r"), tmp_path / "r", target, Embedder(None), seed=0)["oracle"]
    assert later.pop("left_out") == []
    assert later == told["adaptation"]["oracle"] and set(later["accuracy"]) == {"source-only", "mcc", "dan"}
    other = evaluate_adapted(load_artifact(tmp_path / "r"), tmp_path / "r", source, Embedder(None), seed=0)["oracle"]
    assert set(other["left_out"]) | set(other["accuracy"]) == {"source-only", "mcc", "dan"} and other["left_out"]


def test_candidates_are_fitted_once_and_keep_their_state_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Path | None] = []
    adapt = Prototypes.adapt
    monkeypatch.setattr(Prototypes, "adapt", lambda self, task: (seen.append(task.workdir), adapt(self, task))[1])
    same, y = clusters(150, 5, turn=0.02)  # prototypes changes nothing and is vetoed; the oracle asks about it again
    told = run(tmp_path / "r", world()[0], table(same, y, "t"), oracle=True)
    assert [path and path.name for path in seen] == ["prototypes"]
    assert set(told["adaptation"]["oracle"]["accuracy"]) >= {"source-only", "prototypes"}


def test_source_only_beside_a_named_method_keeps_its_state_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Path | None] = []
    fit = SourceOnly.fit
    monkeypatch.setattr(SourceOnly, "fit", lambda self, task: (seen.append(task.workdir), fit(self, task))[1])
    asked = FitOptions(out=tmp_path / "r", method=find_method("coral", {}), command="fit")
    adapt(pair_domains([world()[0]], world()[1]), asked, Embedder(None), Stopwatch(), workdir=tmp_path / "state")
    assert seen == [tmp_path / "state" / "source-only"]


def test_a_class_without_a_usable_example_is_left_out(tmp_path: Path) -> None:
    source, target = world()
    x = np.concatenate([[np.full(8, np.nan)], source.features])
    source = table(x, np.concatenate([[0], source.y + 1]), "s", ("aardvark", "a", "b", "c"))
    told = run(tmp_path / "r", source, target, "coral")
    assert (
        load_artifact(tmp_path / "r").classes == load_artifact(tmp_path / "r" / SOURCE_ONLY).classes == ("a", "b", "c")
    )
    assert {row["class"] for row in told["by_class"]} == set("abc")
    assert told["references"]["source_only"]["accuracy"]["value"] > 0.5


def test_source_only_against_itself_asks_nothing(tmp_path: Path) -> None:
    told = run(tmp_path / "r", *world(), method="probe")
    assert told["verdict"] == "not asked" and "nothing was adapted" in told["verdict_sentence"]
    assert told["difference"]["value"] == 0.0 or told["difference"]["value"] is None


def test_identical_domains_say_so(tmp_path: Path) -> None:
    source, _ = world()
    told = run(tmp_path / "r", source, replace(source, name="t"), method="probe")
    assert any(f["kind"] == "identical-domains" for f in told["doctor"]["findings"])


def test_shared_examples_are_counted(tmp_path: Path) -> None:
    source, target = world()
    mixed = table(np.concatenate([target.features[:20], source.features[:5]]), None, "t")
    told = run(tmp_path / "r", source, mixed, method="probe")
    assert any(
        "5 examples of 25 in the target are also in the source" in f["message"] for f in told["doctor"]["findings"]
    )


def test_bad_input_is_refused_with_what_to_do(tmp_path: Path) -> None:
    source, target = world()
    with pytest.raises(DataError, match="only one class"):
        run(tmp_path / "r", source.take(source.y == 0), target)
    with pytest.raises(DataError, match="has 1 usable example: a domain cannot be known by one"):
        run(tmp_path / "r", source, target.take([0]))
    assert not (tmp_path / "r").exists()


def test_a_class_that_is_no_longer_predicted_has_collapsed() -> None:
    rows = [{"class": "a", "before": 0.5, "after": 0.02}, {"class": "b", "before": 0.5, "after": 0.98}]
    assert collapsed(rows) == ["a"]
    assert collapsed([{"class": "a", "before": 0.0, "after": 0.0}]) == []


@pytest.mark.filterwarnings("ignore:.*learned from")  # the same rows serve for training and evaluation
def test_the_estimator_keeps_source_only_and_gives_the_verdict(tmp_path: Path) -> None:
    source, target = world()
    model = tm.TransferClassifier("prototypes", store=False).fit(target.unlabeled(), source=source)
    found = model.evaluate(target)
    assert found.verdict.word == "helped" and found.source_only.accuracy.value < found.accuracy.value
    assert {row["class"] for row in found.by_class} == set("abc") and "log_loss_before" in found.metrics
    model.save(tmp_path / "m")
    later = evaluate_adapted(load_artifact(tmp_path / "m"), tmp_path / "m", target, Embedder(None), seed=0)
    told = found.as_dict()
    named = ("accuracy", "references", "difference", "verdict", "verdict_sentence", "by_class")
    assert {key: told[key] for key in named} == {key: later[key] for key in named}
    again = tm.load(tmp_path / "m")
    assert again.evaluate(target).as_dict() == told
    again.save(tmp_path / "n")
    assert model_bytes(tmp_path / "n") == model_bytes(tmp_path / "m") and len(model_bytes(tmp_path / "n")) == 4
    plain = model.set_params(method="probe").fit(source)
    plain.save(tmp_path / "m")
    assert not (tmp_path / "m" / SOURCE_ONLY).exists() and not hasattr(plain.evaluate(source), "verdict")


def test_the_estimator_reads_a_target_with_gaps_by_its_path_as_the_command_line_does(tmp_path: Path) -> None:
    source, target = world()
    header, *rows = write_table(tmp_path / "t.csv", target.features, target.y).read_text().splitlines()
    (tmp_path / "t.csv").write_text("\n".join([header, *rows[:3], *(row[:-1] for row in rows[3:])]))
    source = replace(source, feature_names=tuple(f"f{i}" for i in range(8)))
    model = tm.TransferClassifier("coral", store=False)
    for path in (tmp_path / "t.csv", str(tmp_path / "t.csv")):
        by_path = model.fit(path, source=source).predict_proba(target)
        assert np.allclose(by_path, model.fit(target.unlabeled(), source=source).predict_proba(target))


def test_the_estimator_adapts_and_refuses_target_labels() -> None:
    x, y = clusters(150, 0)
    z, truth = clusters(150, 1, turn=0.8)
    x, z = spread_alike(x), spread_alike(z)  # arrays are tables, whose columns are brought to one spread
    model = tm.TransferClassifier("auto", settings=LIGHT, store=False).fit(z, source=(x, y + 10))
    assert model.classes_.tolist() == [10, 11, 12]
    assert model.score(z, truth + 10) > 0.95
    assert model.source_only_.classes == ("10", "11", "12")
    with pytest.raises(InputError, match="y holds labels of the target, which no adaptation may see"):
        tm.TransferClassifier("auto", store=False).fit(z, truth, source=(x, y))
