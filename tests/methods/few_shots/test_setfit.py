"""The SetFit recipe: the laws of methods that train, and what pairs do to the features."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from transferium.embedding.embed import Embedder
from transferium.errors import InputError
from transferium.functional.matrices import unit_rows
from transferium.methods.few_shots.setfit import SetFit
from transferium.methods.fitted import Fitted
from transferium.methods.task import Task
from transferium.models.catalogue import find_backbone
from transferium.training.feeds.feeds import Feeds
from transferium.training.feeds.pair_feed import PairFeeds
from worlds.bert import saved_text, sayings
from worlds.toy import blobs, picture_backbone, pictures, same, weights

METHOD = SetFit(pairs=2, lr=1e-3)


def task(seed: int = 0, **change: Any) -> Task:
    torch.set_num_threads(1)
    return Task(pictures(20), None, picture_backbone(), Embedder(None, engine="torch"), seed, **change)


def everything(fitted: Fitted) -> dict[str, torch.Tensor]:
    head = {name: torch.from_numpy(np.asarray(value)) for name, value in fitted.head.to_tensors().items()}
    return weights(fitted.backbone.build()) | head | {"temperature": torch.tensor(fitted.head.temperature)}


def gap(features: np.ndarray, y: np.ndarray) -> float:
    """How much nearer, by cosine, examples of one class are to one another than to the other class's."""
    near = unit_rows(features) @ unit_rows(features).T
    alike = y[:, None] == y
    return float(near[alike].mean() - near[~alike].mean())


def test_same_seed_same_result_and_another_seed_another() -> None:
    first, second = METHOD.fit(task()), METHOD.fit(task())
    assert same(everything(first), everything(second)) and first.history == second.history
    assert first.backbone.fingerprint == second.backbone.fingerprint
    assert not same(everything(first), everything(METHOD.fit(task(seed=1))))


def test_the_backbone_moves_its_statistics_and_the_given_one_do_not() -> None:
    given = task()
    before = weights(given.backbone.build())
    torch.manual_seed(4)
    expected = torch.rand(3)
    torch.manual_seed(4)
    after = weights(METHOD.fit(given).backbone.build())
    assert torch.equal(torch.rand(3), expected) and same(before, weights(given.backbone.build()))
    kept = {name for name in before if "running" in name or "batches" in name}
    assert {name for name in before if torch.equal(before[name], after[name])} == kept


def test_pairs_bring_a_class_together() -> None:
    given = task()
    fitted = SetFit(pairs=5, epochs=4, lr=3e-3).fit(given)
    new = pictures(40, 9)
    assert gap(given.embed(new, fitted.backbone).features, new.y) > 2 * gap(given.embed(new).features, new.y) + 0.1


class StoppedError(Exception):
    """Stands for whatever ends a process."""


def test_interrupted_and_started_again_it_ends_the_same(tmp_path: Path) -> None:
    expected = METHOD.fit(task())
    seen: list[int] = []

    def halt(_name: str, done: int, _total: int) -> None:
        seen.append(done)
        if len(seen) == 3:
            raise StoppedError

    with pytest.raises(StoppedError):
        METHOD.fit(task(workdir=tmp_path, checkpoint_steps=1, progress=halt))
    again = METHOD.fit(task(workdir=tmp_path, checkpoint_steps=1))
    assert same(everything(again), everything(expected)) and again.history == expected.history
    with pytest.raises(InputError, match=r"cannot be resumed: method.weight_decay"):
        replace(METHOD, weight_decay=0.02).fit(task(workdir=tmp_path))


def test_a_batch_holds_pairs_in_a_row() -> None:
    domain = blobs(6)
    first, second = np.array([0, 3, 5]), np.array([1, 2, 4])
    feed = PairFeeds(Feeds(), domain, first, second).open(domain.take(first), augmented=True)
    batch = feed.batch(0, np.array([2, 0]))
    assert len(feed) == 3 and batch.index.tolist() == [5, 4, 0, 1]
    np.testing.assert_array_equal(batch.inputs[0].numpy(), domain.features[[5, 4, 0, 1]])


def test_texts_and_their_answers_agree(tmp_path: Path) -> None:
    saved_text(tmp_path / "bert")
    backbone = find_backbone(str(tmp_path / "bert"), "text")
    train = sayings(12, 0, "t")
    given = Task(train, None, backbone, Embedder(None, engine="torch"), 0)
    fitted = SetFit(pairs=3, lr=1e-3).fit(given)
    seen = given.embed(sayings(20, 1, "u"), fitted.backbone).features
    assert (fitted.head.predict(seen) == fitted.head.outputs(seen).argmax(axis=1)).all()
    assert fitted.oof_outputs is None and len(fitted.history) == 5  # 12 examples, 6 pairs each, 16 a step


def test_feature_rows_are_refused() -> None:
    with pytest.raises(InputError, match="holds feature rows"):
        SetFit().check_data(blobs(8))
