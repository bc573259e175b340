"""A class of one example cannot be held out: nobody may count answers that were never given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from transferium.data.domain import Domain
from transferium.data.pairing import pair_domains
from transferium.embedding.embed import Embedder
from transferium.errors import DataError
from transferium.job.compare.run import compare_domains
from transferium.methods.adaptation_task import AdaptationTask
from transferium.methods.catalogue import method_class
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.frozen.nearest_class_mean import NearestClassMean
from transferium.methods.model_selection.auto import Auto
from transferium.methods.model_selection.evidence import evidence_of, held_out_logits
from transferium.methods.model_selection.trials import Trials
from transferium.models.catalogue import find_backbone
from worlds.tables import clusters, table

RARE = "dodo"


def world() -> tuple[Domain, Domain]:
    """Three classes that are well known, one of a single example, and a target without it."""
    x, y = clusters(150, 0)
    x[0], y[0] = 9.0, 3
    z, truth = clusters(150, 1, turn=0.8)
    names = ("a", "b", "c", RARE)
    return table(x, y, "s", names), table(z, truth, "t", names)


def task() -> AdaptationTask:
    source, target = world()
    backbone = replace(find_backbone(None, "features"), width=8)
    return AdaptationTask(source, None, backbone, Embedder(None), 0, unlabeled=target.unlabeled())


@pytest.mark.parametrize("method", [LinearProbe(), NearestClassMean()])
def test_its_rows_have_no_held_out_answer(method: LinearProbe | NearestClassMean) -> None:
    given = task()
    answers = method.adapt(given).oof_outputs
    assert answers is not None
    assert np.array_equal(np.isnan(answers).any(axis=1), given.train.y == 3)
    assert np.isnan(answers[0]).all()


def test_bbse_refuses_and_names_the_class() -> None:
    with pytest.raises(DataError, match=r"too few examples of 'dodo' to hold any out.*leave the class out"):
        method_class("bbse")().adapt(task())


def test_compare_says_which_class_is_not_known() -> None:
    told = compare_domains(pair_domains([world()[0]], world()[1]), Embedder(None), permutations=20)
    assert "too few examples of 'dodo' to hold any out" in told["label"]["reason"]
    assert any("label shift could not be estimated: the source has too few" in kind for kind in told["kinds"])
    rows = {row["class"]: row for row in told["conditional"]["classes"]}
    assert set(rows) == {"a", "b", "c"} and all(row["source"] is not None for row in rows.values())


def test_an_election_and_its_evidence_leave_the_rows_out() -> None:
    given = task()
    for name in ("prototypes", "source-only"):
        model = method_class(name)().adapt(given)
        # The one example falls into one of the five parts, and is asked about only where it fell into the held one.
        answered = ~np.isnan(held_out_logits(given, model)).any(axis=1)
        seen = evidence_of(given, model)
        assert len(seen.source_logits) == answered.sum() and 3 not in seen.source_labels
    chosen = Auto(adaptations=("prototypes", "label-shift")).adapt(given)
    assert set(chosen.beside) == {"source-only", "prototypes", "label-shift"}
    assert not any("nan" in note for note in chosen.selection.notes)


def test_trials_count_what_the_probe_was_asked() -> None:
    given = task()
    given.budget_s = 10.0
    trials = Trials(given, LinearProbe().adapt(given), 3, 0.0)
    assert trials.rows[0]["examples"] == 149 and np.isfinite(trials.rows[0]["log_loss"])
