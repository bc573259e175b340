"""Large tables: their encoding is never whole in memory where only answers are kept, and what is cut is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import transferium as tm
from transferium.data import domain as domains
from transferium.data.doctor import doctor
from transferium.data.domain import Domain
from transferium.data.pairing import pair_domains
from transferium.embedding.embed import Embedder
from transferium.evaluation import references
from transferium.job.adapt.fit import adapt
from transferium.job.adapt.run import adapt_job
from transferium.job.compare import run as comparison
from transferium.job.fit import prepare as preparation
from transferium.job.fit import within_memory
from transferium.job.inspect import inspect_domain
from transferium.job.options import FitOptions
from transferium.job.stopwatch import Stopwatch
from transferium.methods.catalogue import find_method
from transferium.methods.frozen import frozen_classifier
from transferium.methods.task import Task
from transferium.models.backbone import Backbone
from transferium.models.columns.backbone_of_columns import columns_backbone, fitted_to


def rows(n: int = 90, seed: int = 0, jobs: str = "abc", shift: float = 0.0) -> list[dict[str, Any]]:
    draw = np.random.default_rng(seed)
    x, job = draw.normal(shift, 1, n), draw.choice(list(jobs), n)
    y = np.where(x + draw.normal(0, 0.5, n) > shift, "yes", "no")
    return [{"x": float(a), "job": str(b), "y": str(c)} for a, b, c in zip(x, job, y, strict=True)]


def people(**about: Any) -> Domain:
    return tm.read(rows(**about), label="y", name="people")


def task_of(domain: Domain) -> Task:
    return Task(domain, None, fitted_to(columns_backbone(), domain), Embedder(None), 0)


def test_answers_are_the_same_in_blocks_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    domain = people()
    task = task_of(domain)
    model, probe = tm.TransferClassifier(store=False).fit(domain), find_method("probe", {}).fit(task)
    expected = references.answers_on(task, probe, domain), model.predict_proba(domain)
    monkeypatch.setattr(domains, "BLOCK", 32)
    assert [len(block) for block in task.blocks(domain)] == [32, 32, 26]
    for got, wanted in zip(references.answers_on(task, probe, domain), expected[0], strict=True):
        np.testing.assert_array_equal(got, wanted)
    np.testing.assert_array_equal(model.predict_proba(domain), expected[1])


def test_means_are_the_same_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = task_of(people()).embed(people())
    expected = references.nearest_mean(seen.features, seen.y, 2)(seen.features)
    monkeypatch.setattr(references, "CELLS", 100)
    np.testing.assert_allclose(references.nearest_mean(seen.features, seen.y, 2)(seen.features), expected, atol=1e-9)


def test_nearest_class_mean_reads_many_rows_in_single_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    task = task_of(people())
    expected = find_method("ncm", {}).fit(task)
    monkeypatch.setattr(frozen_classifier, "DOUBLE", 10)
    found = find_method("ncm", {}).fit(task)
    np.testing.assert_allclose(found.oof_outputs, expected.oof_outputs, atol=1e-5)


def test_a_table_of_usable_rows_is_not_copied() -> None:
    domain = people()
    prepared = preparation.prepare(domain, Embedder(None), columns_backbone(), watch=Stopwatch())
    assert prepared.domain.samples is domain.samples


def test_columns_are_described_once_for_findings_and_for_inspect(monkeypatch: pytest.MonkeyPatch) -> None:
    real, described = doctor.column_facts, []
    monkeypatch.setattr(doctor, "column_facts", lambda *given: described.append(real(*given)) or described[-1])
    found = inspect_domain(people(), None, Embedder(None)).as_dict()
    assert [column["name"] for column in found["columns"]] == ["x", "job"] and len(described) == 1


def test_a_training_part_that_would_not_fit_is_cut_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    given = [*rows(), *({"x": 9.0 + i, "job": "a", "y": "rare"} for i in range(3))]
    domain = tm.read(given, label="y", name="people")
    monkeypatch.setattr(within_memory, "MOST", 4 * 40)
    with pytest.warns(tm.errors.TransferiumWarning, match="39 of 93 training rows are learned from, drawn by seed 0"):
        model = tm.TransferClassifier(store=False).fit(domain)
    assert len(model.artifact_.learned.hashes) == 39
    assert set(model.classes_) == {"no", "rare", "yes"} and model.predict_proba(domain).max(axis=0)[1] > 0.01


def test_the_domains_of_an_adaptation_share_what_fits_and_every_row_is_answered(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    others = tm.read(rows(seed=1, n=60), label="y", name="others")
    pair = pair_domains([people(), others], people(seed=2, shift=1.0), people(seed=3, n=10))
    monkeypatch.setattr(within_memory, "MOST", 4 * 100)
    monkeypatch.setattr(domains, "BLOCK", 32)
    options = FitOptions(tmp_path / "run", find_method("coral", {}), command="fit")
    made = adapt(pair, options, Embedder(None), Stopwatch())
    assert made.task.sources is not None and made.task.target is not None
    sizes = len(made.task.train), len(made.task.sources), len(made.task.unlabeled), len(made.task.target)
    assert sizes == (45, 45, 45, 10)
    assert [one.split("/")[0] for one in made.task.train.ids] == [pair.names[k] for k in made.task.sources]
    said = [finding.message for finding in made.findings if finding.kind == "large-table"]
    assert [one.split(" rows")[0] for one in said] == ["45 of 90 target", "45 of 150 source"]
    assert "45 of 90 target inputs are adapted to, and all are evaluated on" in made.rule
    run = adapt_job(pair, options, Embedder(None), Stopwatch())
    assert run["test"]["examples"] == run["division"]["test"] == 90
    assert any("45 of 150 source rows are learned from" in finding["message"] for finding in run["doctor"]["findings"])
    assert len((tmp_path / "run" / "predictions.csv").read_text().splitlines()) == 91


def test_rows_of_the_target_are_drawn_without_its_labels_and_whatever_their_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(within_memory, "MOST", 4 * 60)
    options = FitOptions(Path("unused"), find_method("coral", {}))
    target, found = people(seed=2, shift=1.0), []
    for given in (target, target.take(range(len(target))[::-1]), target.unlabeled()):
        made = adapt(pair_domains([people()], given), options, Embedder(None), Stopwatch())
        found.append((made.task.unlabeled.keys, made.fitted.head.to_tensors()["head.weight"].tobytes()))
    assert len(found[0][0]) == 30 and len(set(found)) == 1


def test_a_comparison_measures_no_more_rows_than_fit_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = pair_domains([people()], people(seed=1, n=60))
    whole = comparison.compare_domains(pair, Embedder(None), permutations=20)
    assert not any("are learned from" in note for note in whole["notes"])
    monkeypatch.setattr(within_memory, "MOST", 4 * 80)
    cut = comparison.compare_domains(pair, Embedder(None), permutations=20)
    said = [note for note in cut["notes"] if "are learned from" in note]
    assert [one.split(" rows")[0] for one in said] == ["40 of 60 target", "40 of 90 source"]
    assert (cut["source"]["examples"], cut["target"]["examples"]) == (90, 60)
    assert sum(row["examples"] for row in cut["conditional"]["classes"]) == 40


@pytest.mark.parametrize("method", ["source-only", "coral"])
def test_the_target_decides_nothing_of_the_encoding(method: str) -> None:
    source, found = people(), set()
    for about in ({"seed": 1}, {"seed": 2, "jobs": "ade", "shift": 50.0}):
        pair = pair_domains([source], people(**about))
        options = FitOptions(Path("unused"), find_method(method, {}))
        made = adapt(pair, options, Embedder(None), Stopwatch())
        weight = made.source_only.head.to_tensors()["head.weight"]
        found.add((made.source_only.backbone.fingerprint, made.fitted.backbone.fingerprint, weight.tobytes()))
    assert {one[:2] for one in found} == {(task_of(source).backbone.fingerprint,) * 2} and len(found) == 1


def test_a_comparison_reads_the_target_by_the_columns_of_the_source() -> None:
    seen: list[str] = []

    class Spied(Embedder):
        def fitted(self, backbone: Backbone, *domains: Domain) -> Backbone:
            seen.extend(domain.name for domain in domains)
            return super().fitted(backbone, *domains)

    pair = pair_domains([people()], tm.read(rows(seed=1), label="y", name="others"))
    comparison.compare_domains(pair, Spied(None), permutations=20)
    assert set(seen) == {"people"}
