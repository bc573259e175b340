"""What ``plot`` draws of an evaluation, and of two policies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from transferium.policies.policy_transfer import measured
from transferium.problems.class_evaluation import evaluate
from transferium.problems.multi_label import MultiLabel
from transferium.problems.regression import Regression
from transferium.system.extras import MissingExtraError

Y = np.array([0, 0, 1, 1, 1, 2])


@pytest.fixture
def ax() -> Iterator[Any]:
    pytest.importorskip("matplotlib").use("agg")
    from matplotlib import pyplot

    figure, found = pyplot.subplots()
    yield found
    pyplot.close(figure)


def test_the_confusion_of_classes_is_drawn_with_its_counts(ax: Any) -> None:
    found = evaluate(Y, np.eye(3)[[0, 1, 1, 1, 1, 2]] * 0.85 + 0.05, ["a", "b", "c"], seed=0)
    assert found.plot(ax) is ax
    assert sorted(text.get_text() for text in ax.texts) == ["1", "1", "1", "3"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b", "c"]


def test_amounts_and_labels_are_drawn_with_their_intervals(ax: Any) -> None:
    amounts = Regression(("amount",)).evaluate(np.arange(6.0), np.arange(6.0)[:, None] + 0.5, seed=0)
    names = [label.get_text() for label in amounts.plot(ax).get_yticklabels()]
    assert set(names) == set(amounts.metrics) and len(ax.lines) == 2 * len(names)
    ax.clear()
    labels, problem = MultiLabel.read([["a", "b"], ["a"], ["b"], ["a", "b"]], "labels")
    plotted = problem.evaluate(labels, labels * 0.8 + 0.1, seed=0).plot(ax)
    assert [label.get_text() for label in plotted.get_yticklabels()] == ["b", "a"] and ax.get_xlabel() == "f1"


def test_both_curves_of_policies_are_drawn(ax: Any) -> None:
    found = measured(np.array([0, 5]), np.ones((3, 2)), np.zeros((3, 2)))
    assert [line.get_label() for line in found.plot(ax).lines] == ["carried", "scratch"]


def test_without_matplotlib_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transferium.system.extras.find_spec", lambda _name: None)
    with pytest.raises(MissingExtraError, match="pip install matplotlib"):
        measured(np.array([0, 5]), np.ones((3, 2)), np.zeros((3, 2))).plot()
