"""Co-Tuning: the classes of pretraining are still answered, as each new class relates to them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from transferium.data.domain import Domain
from transferium.data.samples import Rows
from transferium.embedding.embed import Embedder
from transferium.errors import InputError
from transferium.functional.linear_classifier import softmax
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.regularised.co_tuning import CoTuning
from transferium.methods.task import Task
from transferium.models.catalogue import find_backbone, randomised
from transferium.problems.classes import Classes
from transferium.training.run import run
from worlds.toy import picture_backbone, pictures, same, weights

SHORT: dict[str, Any] = {"epochs": 2, "batch_size": 8}


def task(n=40, backbone=None, train=None):
    torch.set_num_threads(1)
    return Task(train or pictures(n), None, backbone or picture_backbone(), Embedder(None, engine="torch"), 0)


def result(fitted):
    return weights(fitted.backbone.build()) | {"head": torch.from_numpy(fitted.head.weight)}


def rows(seed=0, n=300):
    """Five source classes as the corners of a simplex; class a is source classes 0 and 1, class b the other three."""
    rng = np.random.default_rng(seed)
    s = rng.choice(5, n, p=[0.1, 0.3, 0.3, 0.2, 0.1])
    x = (6 * np.eye(5)[s] + 0.3 * rng.normal(size=(n, 5))).astype(np.float32)
    return Domain(
        Rows(x), "features", [str(i) for i in range(n)], (s > 1).astype(np.int64), Classes(("a", "b")), name="rows"
    )


def knowing():
    """A backbone of features as they are, whose classifier reads them off."""

    def head():
        layer = nn.Linear(5, 5)
        with torch.no_grad():
            layer.weight.copy_(torch.eye(5))
            layer.bias.zero_()
        return layer

    return replace(find_backbone(None, "features"), width=5, source_head=head)


class Stayed(CoTuning):
    """As it is, over a backbone that has nothing to move."""

    def _require_moving(self, setup):
        pass


@pytest.mark.parametrize("relation", ["reverse", "direct"])
def test_the_relation_of_a_world_that_is_known(relation):
    given = task(backbone=knowing(), train=rows())
    method = Stayed(relation=relation, temperature=1.0)
    learned = method._relation(method.setup(given), knowing().source_head())
    assert np.allclose(learned.sum(axis=1), 1)
    assert learned[0, :2].sum() > 0.9 and learned[1, 2:].sum() > 0.9
    assert np.allclose(learned[0, :2], [0.25, 0.75], atol=0.1)
    assert np.allclose(learned[1, 2:], [3 / 6, 2 / 6, 1 / 6], atol=0.1)


def test_the_direct_relation_is_the_mean_answer_of_the_classifier_at_the_temperature():
    given = task()
    method = CoTuning(relation="direct", temperature=2.0)
    setup = method.setup(given)
    classifier = given.backbone.source_head()
    features = torch.from_numpy(given.embed(setup.parts.train).features)
    answers = softmax(classifier(features).detach().numpy() / 2.0)
    expected = [answers[setup.parts.train.y == k].mean(axis=0) for k in range(2)]
    assert np.allclose(method._relation(setup, classifier), expected, atol=1e-6)


def test_a_strength_of_zero_is_finetune_bit_for_bit():
    assert same(result(CoTuning(strength=0.0, **SHORT).fit(task())), result(FineTune(**SHORT).fit(task())))


def test_a_strength_of_zero_needs_no_source_classifier():
    CoTuning(strength=0.0, **SHORT).fit(task(backbone=replace(picture_backbone(), source_head=None)))


def test_held_strongly_the_old_classifier_answers_as_the_relation_says():
    given = task(60)
    found = []
    for strength in (1e-9, 20.0):
        method = CoTuning(
            epochs=8, batch_size=8, strength=strength, lr=0.01, layer_decay=1.0, augment="none", relation="direct"
        )
        terms = [r["co_tuning"] / strength for r in method.fit(given).history]
        found.append(np.mean(terms[-6:]))
    assert found[1] < found[0] - 0.02, found


def test_the_old_classifier_moves_at_the_backbones_rate_and_is_not_part_of_what_is_left():
    given = task()
    method = CoTuning(lr=0.0123, head_lr=0.05, **SHORT)
    stages = method.stages(given)
    stage = next(stages)
    groups = {g.name: g for g in stage.players[0].groups}
    assert groups["objective"].lr == 0.0123 and groups["head"].lr == 0.05
    before = weights(stage.objective)
    stages.close()
    kept: list[Any] = []

    def watched():
        own = method.stages(given)
        kept.append(next(own))
        yield kept[0]
        return own

    run(watched(), seed=0)
    after = weights(kept[0].objective)
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert {name.rsplit(".", 1)[-1] for name in moved} == {"weight", "bias"}
    assert method.fit(given).backbone.source_head is None, "the tuned weights no longer go with it"
    assert not any("classifier" in name for name in weights(method.fit(given).backbone.build()))


def test_a_backbone_without_its_classifier_is_named_and_so_are_those_with_one():
    bare = task(backbone=replace(picture_backbone(), source_head=None))
    with pytest.raises(InputError, match=r"PictureNet came without one\. The bundled efficientnet_lite0 has one"):
        CoTuning(**SHORT).fit(bare)


def test_a_frozen_backbone_is_not_held_back():
    with pytest.raises(InputError, match=r"co-tuning holds the backbone back, and unfreeze='none' moves nothing"):
        CoTuning(unfreeze="none", **SHORT).fit(task())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"strength": -1.0}, r"strength must be 0 or more"),
        ({"relation": "reversed"}, r"relation cannot be 'reversed'. Did you mean 'reverse'"),
        ({"temperature": 0.0}, r"temperature must be above 0; it was 0.0"),
    ],
)
def test_settings_that_cannot_work_are_named(settings, message):
    with pytest.raises(InputError, match=message):
        CoTuning(**settings)


def test_random_weights_have_no_source_classifier():
    assert randomised(picture_backbone()).source_head is None
    resized = replace(picture_backbone(), name="other")
    assert resized.source_head is not None
