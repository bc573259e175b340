"""A figure on what a model learned from is never given for one on new examples."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import transferium as tm
from transferium.artifact import load_artifact
from transferium.data.domain import Domain
from transferium.data.learned import FILE, Learned
from transferium.data.pairing import pair_domains
from transferium.data.samples import Items
from transferium.embedding.embed import Embedder
from transferium.errors import ArtifactError, TransferiumWarning
from transferium.job.adapt.evaluate_adapted import evaluate_adapted
from transferium.job.adapt.given_model import GivenModel
from transferium.job.adapt.run import adapt_job
from transferium.job.fit.run import fit_job
from transferium.job.options import FitOptions
from transferium.job.predict.apply import evaluate_domain
from transferium.job.stopwatch import Stopwatch
from transferium.methods.catalogue import find_method
from worlds.tables import clusters, table

X, Y = clusters(120, 0)
NEW, TRUTH = clusters(60, 1)


def fit(out: Path, domain: Domain, method: str = "probe", **options: object) -> None:
    fit_job(domain, FitOptions(out=out, method=find_method(method, {}), **options), Embedder(None), Stopwatch())


@pytest.mark.parametrize("method", ["probe", "ncm", "auto"])
def test_only_what_was_not_learned_from_is_scored(tmp_path: Path, method: str) -> None:
    data = table(X, Y, "t")
    fit(tmp_path / "run", data, method)
    told = json.loads((tmp_path / "run" / "metrics.json").read_text())
    artifact = load_artifact(tmp_path / "run")
    found = evaluate_domain(artifact, data, Embedder(None))
    division = told["division"]
    assert found.overlap is not None and (found.overlap.given, found.overlap.learned) == (120, division["train"])
    assert found.as_dict()["accuracy"] == told["test"]["accuracy"] and found.examples == division["test"]
    assert f"{division['train']} of these 120 were learned from" in found.overlap.sentence
    new = evaluate_domain(artifact, table(NEW, TRUTH, "new"), Embedder(None))
    assert new.overlap is not None and new.overlap.sentence == "" and new.examples == 60


def test_where_all_were_learned_from_the_figures_are_of_training() -> None:
    model = tm.TransferClassifier(store=False).fit(X, Y)
    with pytest.warns(TransferiumWarning, match=r"^120 of these 120 were learned from: the figures are of training"):
        found = model.evaluate((X, Y))
    assert found.examples == 120 and found.as_dict()["learned_from"] == found.as_dict()["given"] == 120
    with pytest.warns(TransferiumWarning, match=r"^120 of these 180 .* the figures are those of the other 60\.$"):
        both = model.evaluate((np.concatenate([X, NEW]), np.concatenate([Y, TRUTH])))
    assert both["accuracy"] == model.evaluate((NEW, TRUTH))["accuracy"]


def test_a_val_part_that_may_choose_counts_and_one_that_is_held_out_does_not(tmp_path: Path) -> None:
    for parts, learned in ((["train", "val", "test"], 80), (["train", "val"], 60)):
        divided = np.repeat(parts, 120 // len(parts))
        rows = tm.read(X, label=Y, part=divided)
        fit(tmp_path / "run", rows)
        assert len(load_artifact(tmp_path / "run").learned.hashes) == learned


def test_the_same_rows_are_known_whatever_their_precision(tmp_path: Path) -> None:
    rows = X.astype(np.float32)
    model = tm.TransferClassifier(store=False).fit(rows, Y)
    with pytest.warns(TransferiumWarning, match="120 of these 120"):
        model.evaluate((rows.astype(np.float64), Y))


def test_a_model_that_was_told_to_forget_says_that_it_cannot_tell(tmp_path: Path) -> None:
    data = table(X, Y, "t")
    fit(tmp_path / "run", data)
    fit(tmp_path / "forgetful", data, forget_data=True)
    assert {p.name for p in (tmp_path / "run").iterdir()} - {p.name for p in (tmp_path / "forgetful").iterdir()} == {
        FILE
    }
    found = evaluate_domain(load_artifact(tmp_path / "forgetful"), data, Embedder(None))
    assert found.examples == 120 and found.overlap is not None and not found.overlap.known
    assert found.overlap.sentence.startswith(
        "Whether any of these were learned from cannot be checked: the model keeps"
    )
    model = tm.TransferClassifier(store=False).fit(X, Y)
    model.save(tmp_path / "kept")
    model.save(tmp_path / "gone", forget_data=True)
    assert (tmp_path / "kept" / FILE).exists() and not (tmp_path / "gone" / FILE).exists()


def test_an_adapted_model_knows_what_it_and_source_only_learned_from(tmp_path: Path) -> None:
    source, target, few = table(X, Y, "s"), table(NEW, TRUTH, "t"), table(NEW[:9], TRUTH[:9], "few")
    for forget, learned in ((False, 129), (True, 0)):
        run = tmp_path / f"run-{forget}"
        asked = FitOptions(out=run, method=find_method("pooled", {}), forget_data=forget)
        adapt_job(pair_domains([source], target.unlabeled(), few), asked, Embedder(None), Stopwatch())
        artifact = load_artifact(run)
        assert len(artifact.learned.hashes) == learned and artifact.learned.complete is not forget
        assert len(load_artifact(run / "source_only").learned.hashes) == (0 if forget else 120)
        assert ("keys" in artifact.info.get("few", {})) is not forget
    run = tmp_path / "run-False"
    later = evaluate_adapted(load_artifact(run), run, target, Embedder(None), seed=0)
    assert (later["given"], later["learned_from"], later["examples"]) == (60, 9, 51)
    home = evaluate_adapted(load_artifact(run), run, source, Embedder(None), seed=0)
    assert home["learned_from"] == home["examples"] == 120 and home["verdict"] == "not asked"
    assert "all of these examples were learned from" in home["verdict_sentence"]


def test_a_model_adapted_from_a_model_knows_what_that_learned_from(tmp_path: Path) -> None:
    home = tm.TransferClassifier(store=False).fit(X, Y)
    away = tm.TransferClassifier("shot", settings={"rounds": 1}, store=False).fit(NEW, source=home)
    with pytest.warns(TransferiumWarning, match="120 of these 180 were learned from"):
        found = away.evaluate((np.concatenate([X, NEW]), np.concatenate([Y, TRUTH])))
    assert found.examples == 60
    home.save(tmp_path / "home")
    asked = FitOptions(out=tmp_path / "run", method=find_method("shot", {"rounds": 1}))
    model = GivenModel.load(tmp_path / "home")
    told = adapt_job(model.pair(table(X, Y, "t")), asked, Embedder(None), Stopwatch(), model=model)
    found = [f["message"] for f in told["doctor"]["findings"] if f["kind"] == "shared-examples"]
    assert len(found) == 1 and found[0].startswith("120 of these 120 were learned from by the model 'home'")
    home.save(tmp_path / "home", forget_data=True)
    again = tm.TransferClassifier("shot", settings={"rounds": 1}, store=False).fit(NEW, source=tmp_path / "home")
    assert not again.artifact_.learned.complete


def test_what_cannot_be_read_is_neither_learned_from_nor_new() -> None:
    texts = ["a good film", "a bad film", "", "good", "bad", "very good", "very bad"]
    learned = Learned.of(tm.read(texts[:2]))
    assert learned.marks(tm.read(texts)).tolist() == [True, True, *[False] * 5]
    assert len(Learned.of(Domain(Items(["", "x"]), "text", ["0", "1"])).hashes) == 1


def test_damaged_hashes_are_named(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"12345678123")
    with pytest.raises(ArtifactError, match=r"learned\.safetensors cannot be read as hashes"):
        Learned.read(tmp_path / FILE)
    assert not Learned.read(tmp_path / "nothing").complete
