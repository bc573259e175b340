"""Adapting a saved model without the data that it was made from: labels nobody sees, what is written, bad input."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import transferium as tm
from transferium.artifact import Artifact, load_artifact
from transferium.data.domain import Domain
from transferium.data.read import read
from transferium.embedding.embed import Embedder
from transferium.errors import ArtifactError, BackboneError, DataError, InputError, TransferiumWarning
from transferium.job.adapt.evaluate_adapted import evaluate_adapted
from transferium.job.adapt.fit import adapt, artifacts
from transferium.job.adapt.given_model import GivenModel
from transferium.job.adapt.run import SOURCE_ONLY, adapt_job
from transferium.job.options import FitOptions, parse_settings
from transferium.job.stopwatch import Stopwatch
from transferium.methods.adaptation_task import AdaptationTask
from transferium.methods.catalogue import find_method
from transferium.methods.frozen.source_only import SourceOnly
from transferium.models.heads.linear import Head
from transferium.problems.classes import Classes
from worlds.domains import images, model_bytes, tiny
from worlds.images import write_images
from worlds.tables import clusters, spread_alike, table, write_table

SHORT: dict[str, Any] = {"batch_size": 32, "adapt_lr": 0.003, "rounds": 6}


def home() -> Domain:
    return table(*clusters(150, 0), "s")


def away(n: int = 150) -> Domain:
    return table(*clusters(n, 1, turn=0.8), "t")


def probe(**change: Any) -> GivenModel:
    """What a probe of the source saved."""
    fitted = tm.TransferClassifier(**change).fit(home())
    return GivenModel(fitted.artifact_, "home")


def run(out: Path, model: GivenModel, target: Domain, method: str = "shot", **options: Any) -> dict[str, Any]:
    few = options.pop("few", None)
    settings = options.pop("settings", SHORT)
    parsed, of_backbone = parse_settings(method, settings)
    asked = FitOptions(out=out, method=parsed, backbone_settings=of_backbone, command="fit", **options)
    return adapt_job(model.pair(target, few), asked, Embedder(None), Stopwatch(), model=model)


def test_shuffling_or_deleting_target_labels_changes_no_byte_of_either_model(tmp_path: Path) -> None:
    target, model = away(), probe()
    given = {
        "true": target,
        "shuffled": replace(target, labels=np.random.default_rng(5).permutation(target.y)),
        "renamed": replace(target, problem=Classes(("a", "b", "zzz"))),
        "sorted": target.take(np.argsort(target.y, kind="stable")),
        "none": target.unlabeled(),
    }
    told = {name: run(tmp_path / name, model, domain) for name, domain in given.items()}
    models = [model_bytes(tmp_path / name) for name in given]
    assert len(models[0]) == 4 and all(other == models[0] for other in models[1:])
    assert told["none"]["test"] == {} and told["none"]["verdict"] == "not asked"
    right = told["true"]["test"]["accuracy"]["value"]
    assert right > told["shuffled"]["test"]["accuracy"]["value"] + 0.3
    assert right > told["true"]["references"]["source_only"]["accuracy"]["value"] + 0.01


def test_class_folders_of_the_target_change_no_byte(tmp_path: Path) -> None:
    colours = {"amber": (160, 60, 40), "blue": (40, 60, 160)}
    folder = write_images(tmp_path / "t", colours, 8)
    swapped = tmp_path / "swapped"
    for old, new in (("amber", "zinc"), ("blue", "amber")):
        (swapped / new).mkdir(parents=True)
        for file in (folder / old).iterdir():
            (swapped / new / file.name).write_bytes(file.read_bytes())
    backbone = tiny()
    head = Head(np.random.default_rng(0).normal(size=(2, backbone.width)), np.zeros(2))
    model = GivenModel(Artifact(backbone, head, Classes(("amber", "blue"))), "home")
    settings = {"tuning": "full", "batch_size": 8, "augment": "none", "rounds": 1}
    made = []
    for at in (folder, swapped):
        asked = FitOptions(out=tmp_path / "run", method=find_method("tent", settings), command="fit")
        adapted = adapt(model.pair(read(at, name="t")), asked, Embedder(None, engine="torch"), Stopwatch(), model=model)
        made.append(artifacts(adapted, asked)[0])
    assert made[0].fingerprint == made[1].fingerprint != model.artifact.fingerprint
    assert made[0].info["provenance"]["data"] == made[1].info["provenance"]["data"]


def test_the_run_says_what_it_was_made_from_and_what_cannot_be_said(tmp_path: Path) -> None:
    model = probe()
    told = run(tmp_path / "r", model, away())
    assert json.loads((tmp_path / "r" / "metrics.json").read_text())["adaptation"] == told["adaptation"]
    source, shares = told["adaptation"]["source"], told["adaptation"]["shares"]
    assert source == {"name": "home", "examples": 0, "of": ["home"], "model": model.artifact.fingerprint}
    assert [row["source"] for row in shares] == [None] * 3 and sum(row["after"] for row in shares) == pytest.approx(1)
    assert told["adaptation"]["distance"] == told["adaptation"]["maps"] == {}
    assert "opinions" not in told["adaptation"]
    assert set(told["references"]) == {"source_only", "majority", "target_alone"}
    assert told["provenance"]["source_model"] == model.artifact.fingerprint and "source" not in told["provenance"]
    assert told["division"]["rule"].startswith("the model home is adapted without the examples that it was made from")
    page = (tmp_path / "r" / "report.html").read_text()
    assert "From the model home, without the examples that it was made from, to t (150 inputs" in page
    assert "cannot be said without the source" in page and "Can a classifier tell" not in page
    kept = load_artifact(tmp_path / "r" / SOURCE_ONLY)
    assert kept.fingerprint == model.artifact.fingerprint, "source only is the model as it was"
    later = evaluate_adapted(load_artifact(tmp_path / "r"), tmp_path / "r", away(300), Embedder(None), seed=0)
    assert later["accuracy"]["value"] > later["references"]["source_only"]["accuracy"]["value"]
    assert {row["class"] for row in later["by_class"]} == set("abc")


def test_a_test_part_of_the_target_is_only_evaluated_on(tmp_path: Path) -> None:
    target = replace(away(), parts=np.repeat(["train", "test"], [100, 50]))
    told = run(tmp_path / "r", probe(), target)
    assert told["adaptation"]["target"]["examples"] == 100 and told["test"]["examples"] == 50


def test_an_adapted_run_is_adapted_again_and_its_labelled_examples_stay_out(tmp_path: Path) -> None:
    few = table(*clusters(30, 1, turn=0.8), "few")
    first = run(tmp_path / "one", probe(), away(), few=few.take(np.arange(12)))
    assert first["adaptation"]["few"]["examples"] == 12
    model = GivenModel.load(tmp_path / "one")
    told = run(tmp_path / "two", model, table(few.features, few.y, "t"), settings={"batch_size": 16})
    assert told["test"]["examples"] == 18 and "12 labelled examples, which are learned from" in told["division"]["rule"]
    assert load_artifact(tmp_path / "two").info["few"] == load_artifact(tmp_path / "one").info["few"]


def test_bad_input_says_what_was_given_and_what_to_do(tmp_path: Path) -> None:
    model, target = probe(), away()
    wide = table(np.zeros((5, 9)), None, "wide")
    with pytest.raises(ArtifactError, match="this model reads 8 features; 'wide' has 9"):
        model.pair(wide)
    with pytest.raises(ArtifactError, match="this model reads features examples; 'data' holds image examples"):
        model.pair(images([0, 1]))
    with pytest.raises(DataError, match="class 'zzz', which the model 'home' does not know"):
        model.pair(target, replace(target, problem=Classes(("a", "b", "zzz"))))
    for options, message in (
        *(
            ({"method": name, "settings": {}}, f"'{name}' learns from the source's .* adapted by shot, adabn, tent;")
            for name in ("mcc", "auto", "coral", "source-only", "probe", "adda")
        ),
        ({"method": "adabn", "settings": {}}, "stay as they are with tuning=frozen"),
        ({"backbone": "small_cnn"}, "brings its own backbone, features, and what that reads: leave --backbone out"),
        ({"settings": {"size": 32}}, "leave size out"),
        ({"settings": {"tuning": "full"}}, "feature rows have none"),
    ):
        with pytest.raises(InputError, match=message):
            run(tmp_path / "r", model, target, **options)
        assert not (tmp_path / "r").exists()


def test_a_backbone_that_was_saved_as_a_graph_cannot_move(tmp_path: Path) -> None:
    backbone = tiny()
    Artifact(backbone, Head(np.eye(2, backbone.width), np.zeros(2)), Classes(("a", "b"))).save(tmp_path / "m")
    model = GivenModel.load(tmp_path / "m")
    asked = FitOptions(out=tmp_path / "r", method=find_method("tent", {"tuning": "full"}))
    with pytest.raises(InputError, match=r"saved as a graph, which can be run and not trained.*use tuning=frozen"):
        model.backbone_for(asked)
    still = model.backbone_for(replace(asked, method=find_method("tent", {})))
    assert still.graph == tmp_path / "m" / "backbone.onnx"


def test_a_tuned_backbone_can_move_again_after_it_was_saved(tmp_path: Path) -> None:
    source = replace(images(range(24)), labels=np.arange(24) % 2, problem=Classes(("a", "b")), name="s")
    target = replace(images(range(24, 48)), name="t")
    first = tm.TransferClassifier("finetune", backbone="small_cnn", settings={"epochs": 1}).fit(source)
    first.save(tmp_path / "m")
    model = GivenModel.load(tmp_path / "m")
    mine, read_back = (m.backbone.build().state_dict() for m in (first.artifact_, model.artifact))
    assert mine.keys() == read_back.keys() and all(torch.equal(mine[k], read_back[k]) for k in mine)
    settings = {"tuning": "full", "rounds": 1}
    told = run(tmp_path / "r", model, target, "tent", settings=settings)
    assert told["method"] == "tent"
    adapted = GivenModel.load(tmp_path / "r")
    assert adapted.artifact.backbone.fingerprint != model.artifact.backbone.fingerprint
    # As the same model adapted without having been saved, and once more from what was saved.
    unsaved = run(tmp_path / "u", GivenModel(first.artifact_, "m"), target, "tent", settings=settings)
    assert unsaved["adaptation"]["shares"] == told["adaptation"]["shares"]
    again = run(tmp_path / "a", adapted, target, "tent", settings=settings)
    assert again["method"] == "tent" and (tmp_path / "a" / SOURCE_ONLY / "backbone.safetensors").is_file()
    weights = tmp_path / "m" / "backbone.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(
        BackboneError, match=r"backbone.safetensors is missing or damaged, and only its graph can be run"
    ):
        run(tmp_path / "n", GivenModel.load(tmp_path / "m"), target, "tent", settings=settings)
    assert load_artifact(tmp_path / "m").backbone.graph is not None, "to answer, the graph is enough"


def test_statistics_of_pretraining_are_not_those_of_the_source() -> None:
    def given(pretrained: bool) -> GivenModel:
        backbone = replace(tiny(), pretrained=pretrained)
        return GivenModel(Artifact(backbone, Head(np.eye(2, backbone.width), np.zeros(2)), Classes(("a", "b"))), "home")

    asked = FitOptions(out=Path("r"), method=find_method("adabn", {"tuning": "full"}))
    assert given(False).backbone_for(asked).name == tiny().name, "its weights were trained on nothing but the source"
    with pytest.warns(
        TransferiumWarning, match="may hold no statistics of the source.*adabn replaces them all the same"
    ):
        given(True).backbone_for(asked)
    target = replace(images(range(12)), name="t")
    for pretrained in (True, False):
        model = given(pretrained)
        method = find_method("tent", {"tuning": "full", "rounds": 1})
        backbone = model.backbone_for(replace(asked, method=method))
        task = AdaptationTask(model.source, None, backbone, Embedder(None), 0, unlabeled=target, model=model.stand_in)
        layers = [m for m in method.adapt(task).backbone.build().modules() if hasattr(m, "running_mean")]
        before = [m for m in backbone.build().modules() if hasattr(m, "running_mean")]
        same = all(torch.equal(a.running_mean, b.running_mean) for a, b in zip(layers, before, strict=True))
        assert layers and same == pretrained, "tent leaves statistics that are not the source's"


def test_fingerprints_name_what_answers_and_nothing_else() -> None:
    artifact = probe().artifact
    head = artifact.head
    assert isinstance(head, Head)
    others = (
        replace(artifact, head=head.with_temperature(2.0)),
        replace(artifact, head=replace(head, bias=head.bias + 1e-9)),
        replace(artifact, problem=Classes(("a", "b", "d"))),
    )
    assert len({artifact.fingerprint, *(other.fingerprint for other in others)}) == 4
    assert replace(artifact, info={}).fingerprint == artifact.fingerprint


def test_the_estimator_takes_a_fitted_model_an_artifact_or_a_path(tmp_path: Path) -> None:
    x, y = clusters(150, 0)
    z, truth = clusters(150, 1, turn=0.8)
    x, z = spread_alike(x), spread_alike(z)  # arrays are tables, whose columns are brought to one spread
    numbers = tm.TransferClassifier().fit(x, y * 10)
    numbers.save(tmp_path / "m")
    sources = {
        "fitted": numbers,
        "loaded": tm.load(tmp_path / "m"),
        "artifact": numbers.artifact_,
        "path": tmp_path / "m",
        "text": str(tmp_path / "m"),
    }
    made = {n: tm.TransferClassifier("shot", settings=SHORT).fit(z, source=source) for n, source in sources.items()}
    assert made["fitted"].classes_.tolist() == [0, 10, 20] and made["path"].classes_.tolist() == ["0", "10", "20"]
    answers = {name: model.predict_proba(z) for name, model in made.items()}
    assert all(np.array_equal(answers["fitted"], other) for other in answers.values())
    assert made["fitted"].score(z, truth * 10) > numbers.score(z, truth * 10) + 0.01
    assert np.array_equal(pickle.loads(pickle.dumps(made["fitted"])).predict_proba(z), answers["fitted"])
    made["fitted"].save(tmp_path / "again")
    assert np.array_equal(tm.load(tmp_path / "again").predict_proba(z), answers["fitted"])
    assert made["fitted"].source_only_ is numbers.artifact_


def test_the_estimator_takes_the_path_of_labelled_data_and_refuses_what_is_neither(tmp_path: Path) -> None:
    x, y = clusters(90, 0)
    z, _ = clusters(90, 1, turn=0.4)
    source, target = write_table(tmp_path / "s.csv", x, y), write_table(tmp_path / "t.csv", z, None)
    by_path = tm.TransferClassifier("source-only").fit(str(target), source=str(source))
    given = tm.TransferClassifier("source-only").fit(read(target), source=read(source))
    assert np.array_equal(by_path.predict_proba(z), given.predict_proba(z))
    model = tm.TransferClassifier().fit(x, y)
    for odd, message in (
        (3, "got int"),
        ({"a": 1}, "got dict"),
        ((x, y, z), "got tuple"),
        ([model, (x, y)], "'model' is a saved model, which stands for the whole source; 2 sources were given"),
    ):
        with pytest.raises(InputError, match=message):
            tm.TransferClassifier("shot").fit(z, source=odd)


def test_what_stands_for_the_source_has_its_classes_and_no_examples() -> None:
    model = probe()
    pair = model.pair(away())
    assert len(pair.source) == 0 and pair.source.classes == ("a", "b", "c") and pair.target.labels is None
    assert not any(f.kind == "class-sets" for f in pair.findings)
    partial = model.pair(replace(away(), problem=Classes(("a", "b", "zzz"))))
    assert sorted(f.message.split(":")[0] for f in partial.findings if f.kind == "class-sets") == ["open", "partial"]
    backbone = model.artifact.backbone
    AdaptationTask(pair.source, None, backbone, Embedder(None), 0, unlabeled=pair.target, model=model.stand_in)
    assert SourceOnly.adapts_models is False
