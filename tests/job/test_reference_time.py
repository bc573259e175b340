"""References take a time in proportion to the method."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from transferium.embedding.embed import Embedder
from transferium.job.fit import judge as module
from transferium.job.fit.judge import QUICK, judge
from transferium.methods.catalogue import find_method
from transferium.methods.frozen.linear_probe import GRID, LinearProbe
from transferium.methods.task import Task
from transferium.models.catalogue import find_backbone
from worlds.tables import clusters, table


@pytest.mark.parametrize(("method", "expected"), [("ncm", QUICK), ("knn", QUICK), ("cosine", QUICK), ("probe", None)])
def test_the_reference_probe_tries_one_penalty_beside_a_method_without_a_search(
    method: str, expected: tuple[float, ...] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, test = (table(*clusters(n, seed), "row") for n, seed in ((90, 0), (60, 1)))
    task = Task(train, None, find_backbone(None, "features"), Embedder(None), 0)
    chosen, tried, real = find_method(method, {}), [], LinearProbe.fit
    fitted = chosen.fit(task)

    def watched(probe: LinearProbe, given: Task) -> object:
        tried.append(probe.Cs)
        return real(probe, given)

    monkeypatch.setattr(LinearProbe, "fit", watched)
    judge(fitted, chosen, task, test, None)
    assert tried == ([] if expected is None else [expected])


@pytest.mark.parametrize(("right", "expected"), [(True, [QUICK, GRID]), (False, [QUICK])])
def test_no_verdict_hangs_on_a_quick_reference(
    right: bool, expected: list[tuple[float, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    train, test = (table(*clusters(n, seed), "row") for n, seed in ((90, 0), (60, 1)))
    backbone = replace(find_backbone(None, "features"), pretrained=True)
    task, tried = Task(train, None, backbone, Embedder(None), 0), []

    def probe_on(_task: Task, _random: object, asked: object, probe: LinearProbe) -> tuple[np.ndarray, np.ndarray]:
        tried.append(probe.Cs)
        outputs = np.eye(3)[test.y if right else (test.y + 1) % 3]
        return outputs, outputs

    monkeypatch.setattr(module.reference, "probe_on", probe_on)
    ncm = find_method("ncm", {})
    judge(ncm.fit(task), ncm, task, test, replace(backbone, name="blind", fingerprint="0" * 64))
    assert tried == expected
