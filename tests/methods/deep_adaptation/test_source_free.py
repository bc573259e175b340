"""A finished model in the place of a source: shot, tent and adabn move it by the target's inputs alone."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from laws.adaptation_cases import SHORT, bits
from transferium.data.domain import Domain
from transferium.embedding.embed import Embedder
from transferium.errors import InputError
from transferium.methods.adaptation_task import AdaptationTask, SourceModel
from transferium.methods.adapted_model import source_reader
from transferium.methods.catalogue import METHODS, method_class
from transferium.methods.deep_adaptation.network import SourceNetwork
from transferium.methods.fitted import Fitted
from transferium.methods.frozen.nearest_neighbours import NearestNeighbours
from transferium.methods.frozen.source_only import SourceOnly
from transferium.methods.method import Method
from transferium.methods.unused_settings import UnusedSettingWarning
from transferium.models.heads.bottleneck import fold, unfold
from transferium.models.heads.layered import LayeredHead
from transferium.models.heads.linear import Head
from worlds import shifted
from worlds.toy import picture_backbone, pictures, restyled

PROBE, NETWORK = SourceOnly(), SourceNetwork(**SHORT)


@cache
def model(world: str, kind: str) -> Fitted:
    """What was learned from the source: a linear head, or one with a hidden layer."""
    learner: Method = {"probe": PROBE, "network": NETWORK}[kind]
    return learner.fit(getattr(shifted, world).task().without_target())


def given(task: AdaptationTask, source: Fitted, name: str = "home", fingerprint: str = "f") -> AdaptationTask:
    """The task with ``source`` in the place of its labelled examples."""
    stand_in = SourceModel(source.head, name, fingerprint)
    return replace(task, train=task.train.take([]), backbone=source.backbone, model=stand_in)


@pytest.mark.parametrize("hidden", [0, 1, 2])
def test_a_head_becomes_a_network_and_a_head_again(hidden: int) -> None:
    rng = np.random.default_rng(0)
    widths = [5, 4, 3][: hidden + 1]
    layers = [(rng.normal(size=(b, a)), rng.normal(size=b)) for a, b in zip(widths, [*widths[1:], 2], strict=True)]
    last = layers.pop()
    head = LayeredHead(*last, 1.7, tuple(layers)) if layers else Head(*last, 1.7)
    rows = rng.normal(size=(40, 5)) * 30 + 200
    encoder, top = unfold(head, rows)
    x = torch.from_numpy(rows.astype(np.float32))
    again = fold(encoder, top, 1.7)
    assert (again.kind, again.width, again.temperature) == (head.kind, 5, 1.7)
    scale = np.abs(head.logits(rows)).max()
    assert np.abs(top(encoder(x)).detach().numpy() - head.logits(rows)).max() < 1e-6 * scale
    assert np.abs(again.logits(rows) - head.logits(rows)).max() < 1e-6 * scale


@pytest.mark.parametrize("kind", ["probe", "network"])
@pytest.mark.parametrize("name", ["shot", "tent"])
def test_at_nought_it_answers_as_the_model_does_at_its_temperature(name: str, kind: str) -> None:
    before, world = model("SHIFTED", kind), shifted.SHIFTED
    after = method_class(name)(weight=0.0).adapt(given(world.task(), before))
    difference = after.head.outputs(world.target) - before.head.outputs(world.target)
    assert np.abs(difference).max() < 1e-5
    assert after.head.temperature == before.head.temperature
    assert "the given model's own" in str(after.selection)
    assert after.source_head is None and source_reader(after) == (after.backbone, after.head)


@pytest.mark.parametrize(
    ("name", "world", "gain", "settings"),
    [
        ("shot", "SHIFTED", 0.05, {"adapt_lr": 0.003}),
        ("shot", "TURNED", 0.05, {"adapt_lr": 0.003}),
        ("shot", "SHIFTED", 0.04, {"adapt_lr": 0.01, "self_labels": 0.0}),
        ("tent", "SHIFTED", 0.04, {"adapt_lr": 0.01, "rounds": 10}),
    ],
)
@pytest.mark.parametrize("kind", ["probe", "network"])
def test_the_targets_inputs_alone_make_it_better(
    name: str, world: str, gain: float, settings: dict[str, Any], kind: str
) -> None:
    before, at = model(world, kind), getattr(shifted, world)
    after = method_class(name)(batch_size=32, **settings).adapt(given(at.task(), before))
    assert at.score(after) > at.score(before) + gain
    assert after.head.temperature == before.head.temperature


def test_the_units_of_the_features_make_no_difference() -> None:
    before, at = model("SHIFTED", "probe"), shifted.SHIFTED
    head = before.head
    assert isinstance(head, Head)
    other = replace(before, head=replace(head, weight=head.weight / 1000.0))
    moved = replace(at, target=at.target * 1000.0)
    method = method_class("shot")(batch_size=32, adapt_lr=0.003)
    scores = [w.score(method.adapt(given(w.task(), m))) for w, m in ((at, before), (moved, other))]
    assert abs(scores[0] - scores[1]) < 0.01


def test_labelled_target_examples_join() -> None:
    """The clusters lie where the other class was: unlabelled rows alone cannot tell."""
    before, at = model("FLIPPED", "probe"), shifted.FLIPPED
    few = shifted.rows(at.target[:20], at.truth[:20], "few")
    method = method_class("shot")(batch_size=32, adapt_lr=0.03)
    alone, helped = (method.adapt(given(at.task(target=t), before)) for t in (None, few))
    assert at.score(alone) < 0.1 and at.score(helped) > 0.9
    with pytest.raises(InputError, match="cannot learn from the 20 labelled target examples"):
        method_class("tent")().adapt(given(at.task(target=few), before))


def _styled() -> tuple[AdaptationTask, Domain, Fitted]:
    """A network that learned from plain pictures, and the task of adapting it to paler ones."""
    torch.set_num_threads(1)
    target = restyled(pictures(200, 50)).unlabeled()
    backbone, embedder = replace(picture_backbone(), pretrained=False), Embedder(None, engine="torch")
    task = AdaptationTask(pictures(200), None, backbone, embedder, 0, unlabeled=target)
    learner = SourceNetwork(
        tuning="full", epochs=8, batch_size=16, bottleneck=8, lr=0.01, backbone_lr=0.01, layer_decay=1.0, augment="none"
    )
    home = learner.fit(task.without_target())
    return given(task, home), restyled(pictures(200, 99)), home


def test_batch_normalisation_is_given_the_targets_statistics() -> None:
    task, test, home = _styled()

    def right(fitted: Fitted) -> float:
        return float((fitted.head.predict(task.embed(test, fitted.backbone).features) == test.y).mean())

    before, scores = right(home), {}
    for name, settings in (("adabn", {}), ("tent", {"rounds": 1})):
        fitted = method_class(name)(tuning="full", batch_size=16, augment="none", **settings).adapt(task)
        assert fitted.backbone.fingerprint != home.backbone.fingerprint
        scores[name] = right(fitted)
    assert scores["adabn"] > before + 0.1 and scores["tent"] > before + 0.1, (before, scores)
    still = method_class("adabn")(tuning="full", weight=0.0).adapt(task)
    rows = [f.head.logits(task.embed(test, f.backbone).features) for f in (home, still)]
    assert np.abs(rows[0] - rows[1]).max() < 1e-4


def test_who_cannot_adapt_a_model_alone_says_why() -> None:
    at = shifted.SHIFTED
    task = given(at.task(), model("SHIFTED", "probe"))
    able = [name for name in METHODS if method_class(name).adapts_models]
    assert able == ["shot", "adabn", "tent"]
    assert task.model is not None
    with pytest.raises(InputError, match="learns from the source's labelled examples"):
        method_class("mcc")().adapt(task)
    with pytest.raises(InputError, match="the features of 'home' stay as they are with tuning=frozen"):
        method_class("adabn")().adapt(task)
    with pytest.raises(InputError, match="statistics=each normalises the source by its own statistics"):
        method_class("shot")(statistics="each").adapt(task)
    neighbours = NearestNeighbours().fit(at.task().without_target())
    with pytest.raises(InputError, match="its head is of the kind 'neighbours'"):
        method_class("shot")().adapt(given(at.task(), neighbours))


def test_a_backbone_without_batch_normalisation_has_no_statistics_to_replace() -> None:
    backbone = replace(picture_backbone(), build=lambda: torch.nn.Linear(2, 2))
    stand_in = SourceModel(Head(np.eye(2), np.zeros(2)), "home", "f")
    with pytest.raises(InputError, match="has no batch normalisation"):
        method_class("adabn")(tuning="full").check_model(stand_in, backbone)
    method_class("tent")(tuning="full").check_model(stand_in, backbone)


def test_settings_of_the_training_that_is_over_are_said_to_be_idle() -> None:
    task = given(shifted.SHIFTED.task(), model("SHIFTED", "probe"))
    with pytest.warns(UnusedSettingWarning, match="epochs=3 has no effect here: it is for training on a source"):
        method_class("shot")(epochs=3, rounds=1).adapt(task)
    with pytest.warns(UnusedSettingWarning) as said:
        method_class("shot")(lr=2e-3, label_smoothing=0.0, rounds=1).adapt(task)
    assert sorted(str(w.message).split(" has no effect here")[0] for w in said) == ["label_smoothing=0.0", "lr=0.002"]


def test_it_goes_on_after_an_interruption_and_not_from_another_model(tmp_path) -> None:
    at, before = shifted.SHIFTED, model("SHIFTED", "probe")
    method = method_class("shot")(batch_size=64, rounds=3)
    whole = method.adapt(given(at.task(), before))
    seen: list[int] = []

    def stop(_what: str, done: int, _total: int) -> None:
        seen.append(done)
        if len(seen) == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        method.adapt(given(at.task(workdir=tmp_path, progress=stop), before))
    assert list(tmp_path.rglob("*.safetensors"))
    with pytest.raises(InputError, match="model"):
        method.adapt(given(at.task(workdir=tmp_path), before, fingerprint="another"))
    assert bits(method.adapt(given(at.task(workdir=tmp_path), before))) == bits(whole)
