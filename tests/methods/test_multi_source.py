"""Votes of sources where the backbone moves: each source has one of its own, and they lie side by side in one."""

from __future__ import annotations

import gc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from laws.moved_backbone import LORA, QUICK, SHORT, everything
from transferium.data.domain import Domain
from transferium.data.samples import Items
from transferium.embedding.embed import Embedder
from transferium.errors import InputError
from transferium.functional.matrices import Array
from transferium.methods.adaptation_task import AdaptationTask
from transferium.methods.adapted_model import source_reader
from transferium.methods.catalogue import method_class
from transferium.methods.deep_adaptation.network import AdaptedNetwork
from transferium.methods.fitted import Fitted
from transferium.methods.holdout import HELD, hold_out
from transferium.methods.model_selection.auto import Auto
from transferium.methods.model_selection.evidence import evidence_of
from transferium.methods.multi_source import relatedness
from transferium.problems.classes import Classes
from worlds.toy import picture_backbone, pictures, restyled, same, weights


def task(n: int = 32, **change: Any) -> AdaptationTask:
    """Plain pictures are one source, pictures nearly as pale as the target's the other."""
    torch.set_num_threads(1)
    plain, pale = pictures(n), restyled(pictures(2 * n, 7))
    items = [*plain.samples.items, *(np.asarray(p) - 20 for p in pale.samples.items)]
    y, ids = np.concatenate([plain.y, pale.y]), [f"s-{i}" for i in range(3 * n)]
    both = Domain(Items(items), "image", ids, y, Classes(plain.classes), name="both")
    target = restyled(pictures(n, 50)).unlabeled()
    made = AdaptationTask(both, None, picture_backbone(), Embedder(None, engine="torch"), 0, unlabeled=target)
    return replace(made, sources=np.repeat([0, 1], [n, 2 * n]), **change)


def watched(name: str, **settings: Any) -> tuple[AdaptedNetwork, list[Fitted]]:
    """A method that votes, and every model that it fits on the way; the last is what they are together."""
    fitted: list[Fitted] = []

    class Watched(method_class(name)):
        def adapt(self, task: AdaptationTask) -> Fitted:
            fitted.append(super().adapt(task))
            return fitted[-1]

    return Watched(sources="votes", **settings), fitted


def likeness(given: AdaptationTask) -> Array:
    assert given.sources is not None and given.unlabeled is not None
    found = relatedness(given.sources, given.embed(given.train).features, given.embed(given.unlabeled).features)
    return found / found.sum()


def said_by(given: AdaptationTask, model: Fitted, domain: Domain, *, at_source: bool = False) -> Array:
    backbone, head = source_reader(model) if at_source else (model.backbone, model.head)
    return head.logits(given.embed(domain, backbone).features) / head.temperature


CASES = [(name, SHORT | extra) for name, extra in QUICK.items()] + [
    ("mcc", SHORT | {"tuning": "partial", "unfreeze": 1}),
    ("mcc", SHORT | {"bottleneck": 0}),
    ("mcc", SHORT | {"statistics": "each"}),
    ("shot", LORA | {"rounds": 1}),
    ("source-network", SHORT),
]


@pytest.mark.parametrize(("name", "settings"), CASES, ids=[f"{n}-{i}" for i, (n, _) in enumerate(CASES)])
def test_it_says_what_all_of_them_say_weighed_on_either_side(name: str, settings: dict[str, Any]) -> None:
    given = task()
    method, fitted = watched(name, **settings)
    model = method.adapt(given)
    *members, last = fitted
    assert last is model and len(members) == 2
    shares, held = likeness(given), hold_out(given, HELD).held
    assert shares[1] > shares[0] + 0.1, "sources that weigh alike could be mistaken for each other"
    assert given.unlabeled is not None
    for domain, at_source in ((given.unlabeled, False), (held, True)):
        expected = sum(w * said_by(given, m, domain, at_source=at_source) for w, m in zip(shares, members, strict=True))
        found = said_by(given, model, domain, at_source=at_source)
        assert np.allclose(found, expected, atol=1e-5 * np.abs(expected).max())
    assert (model.source_head is None) == (members[0].source_head is None)
    seen = evidence_of(given, model)
    assert np.array_equal(seen.source_logits, said_by(given, model, held, at_source=True))
    assert model.backbone.members == 2 and model.backbone.width == 2 * given.backbone.width
    assert same(weights(given.backbone.build()), weights(picture_backbone().build())), "what was given is left alone"
    assert {"source 0: adapt", "source 1: adapt"} <= {row["stage"] for row in model.history}
    assert "2 backbones lie side by side" in str(model.selection)


def test_of_each_network_moves_what_would_move_alone() -> None:
    given = task()
    before = weights(given.backbone.build())
    moved: dict[str, set[str]] = {}
    for tuning, extra in (("partial", {"unfreeze": 1}), ("full", {}), ("lora", {"rank": 2})):
        model = method_class("mcc")(**SHORT | extra | {"tuning": tuning, "sources": "votes", "lr": 0.01}).adapt(given)
        after = weights(model.backbone.build())
        assert set(after) == {f"members.{i}.{name}" for i in (0, 1) for name in before}, "ordinary weights are left"
        names = {n for n, t in after.items() if not torch.equal(t, before[n.split(".", 2)[2]])}
        moved[tuning] = {name.rsplit(".", 1)[0] for name in names if name.endswith("weight")}
    assert moved["partial"] == {"members.0.top", "members.1.top"}
    assert moved["lora"] == {f"members.{i}.{layer}" for i in (0, 1) for layer in ("stem.0", "body.0", "top")}
    assert moved["full"] > moved["lora"]


def test_an_interrupted_vote_goes_on_at_the_source_where_it_was(tmp_path: Path) -> None:
    method = method_class("shot")(**SHORT, rounds=2, sources="votes")
    expected = method.adapt(task())

    def halt(what: str, done: int, _total: int) -> None:
        if what == "source 1: round 2" and done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        method.adapt(task(workdir=tmp_path, checkpoint_steps=1, progress=halt))
    told: list[str] = []
    again = method.adapt(task(workdir=tmp_path, checkpoint_steps=1, progress=lambda what, *_: told.append(what)))
    assert set(told) == {"source 1: round 2"}, "what was trained is loaded"
    assert again.backbone.fingerprint == expected.backbone.fingerprint
    assert same(everything(again), everything(expected))


def test_networks_are_trained_one_after_the_other_and_let_go() -> None:
    alive: dict[str, int] = {}

    def count(what: str, done: int, _total: int) -> None:
        if done == 1:
            gc.collect()
            alive[what] = sum(issubclass(type(thing), torch.optim.Optimizer) for thing in gc.get_objects())

    method_class("mcc")(**SHORT, sources="votes").adapt(task(progress=count))
    assert alive["source 1: adapt"] == alive["source 0: adapt"] > 0


def test_source_only_has_not_seen_the_target_and_so_weighs_no_source() -> None:
    for sources in ("combined", "weighted", "votes"):
        alone = method_class("mcc")(**SHORT, sources=sources).source_only()
        assert alone.get_params()["sources"] == Auto(tuning="full", sources=sources).source_only().sources == "combined"
    given = task()
    alone = method_class("mcc")(**SHORT, sources="votes").source_only()
    assert same(everything(alone.adapt(given)), everything(alone.fit(given.without_target())))


def test_auto_judges_votes_of_backbones_over_what_source_only_learned() -> None:
    given = task()
    asked = Auto(adaptations=("standardise", "mcc"), sources="votes", tuning="full", epochs=2, augment="none")
    beside = asked.adapt(given).beside
    assert beside["source-only"].backbone.members == 1 and beside["mcc"].backbone.members == 2
    assert beside["standardise"].backbone is beside["source-only"].backbone
    assert "votes of the sources" in str(beside["mcc"].selection)
    assert "votes of the sources" in str(beside["standardise"].selection)


def test_more_than_one_graph_holds_is_refused_before_anything_is_trained() -> None:
    given = task()
    large = replace(given, backbone=replace(given.backbone, size_bytes=2**30))
    with pytest.raises(InputError, match=r"one for each of 2 sources, and 2 of PictureNet are 2\.1 GB, .* holds 2\.1"):
        method_class("mcc")(**SHORT, sources="votes").adapt(large)
    frozen = {name: value for name, value in SHORT.items() if name != "augment"} | {"tuning": "frozen", "epochs": 1}
    assert method_class("mcc")(**frozen, sources="votes").adapt(large).backbone is large.backbone
