"""The queue, the trailing encoder and the contrasts of Bi-Tuning, on rows whose answers are known."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from transferium.errors import InputError
from transferium.models.model import Model
from transferium.objectives.contrast import BiContrast
from transferium.training.feeds.batch import Batch
from transferium.training.loop.freeze import split_modules
from transferium.training.loop.stage import Stage
from transferium.training.loop.view import View
from transferium.training.run import run
from worlds.toy import blobs, row_model, same, weights


def batch(x, labels):
    return Batch((torch.as_tensor(x).float(),), torch.as_tensor(labels), torch.arange(len(labels)))


def plain(classes=2, **options):
    """A model that gives features as they are, and its contrast."""
    torch.manual_seed(0)
    model = Model(nn.Linear(3, 3), nn.Linear(3, classes))
    with torch.no_grad():
        model.backbone.weight.copy_(torch.eye(3))
        model.backbone.bias.zero_()
    return model, BiContrast(model, 3, classes, **({"keys": 3, "dimensions": 3} | options))


def step(model, contrast, x, labels):
    contrast.train()
    terms = contrast(View(model, {"target": batch(x, labels)}))
    contrast.after_step(model)
    return terms


def test_the_queue_holds_the_last_keys_of_each_class():
    model, contrast = plain()
    seen = {0: [], 1: []}
    rng = np.random.default_rng(0)
    for size in (2, 3, 1, 8, 4):
        x, labels = rng.normal(size=(size, 3)), rng.integers(0, 2, size)
        step(model, contrast, x, labels)
        for row, label in zip(x, labels, strict=True):
            seen[label].append(row)
    for k in (0, 1):
        assert int(contrast.count[k]) == len(seen[k]) > 3
        for back in (1, 2, 3):
            slot = (len(seen[k]) - back) % 3
            assert np.allclose(contrast.queue_h[k, slot], seen[k][-back], atol=1e-6)
            assert contrast.queue_z[k, slot].norm() == pytest.approx(1, abs=1e-6)


def test_slots_that_were_never_filled_do_not_count():
    model, contrast = plain()
    terms = contrast(View(model, {"target": batch([[1.0, 2.0, 3.0]], [1])}))
    assert terms["cce"].item() == terms["ccl"].item() == 0, "a row alone with its own key has nothing to tell apart"
    contrast.fill(np.array([[3.0, 2.0, 1.0]]), np.array([0]))
    row = torch.tensor([[1.0, 2.0, 3.0]])
    scores = model.head(torch.cat([model.backbone(row), contrast.queue_h[0, :1]]))[:, 1]
    terms = contrast(View(model, {"target": batch(row, [1])}))
    assert terms["cce"].item() == pytest.approx(-scores.log_softmax(0)[0].item(), rel=1e-5)


def test_the_key_encoder_trails_the_model():
    model = row_model(batch_norm=True)
    contrast = BiContrast(model, 16, 2, keys=3, momentum=0.9)
    before = weights(contrast.key_backbone)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(1.0)
        model.backbone.low[1].running_mean.add_(5.0)
    contrast.after_step(model)
    after, now = weights(contrast.key_backbone), weights(model.backbone)
    for name, p in model.backbone.named_parameters():
        assert torch.allclose(after[name], 0.9 * before[name] + 0.1 * p.detach(), atol=1e-6), name
    assert torch.equal(after["low.1.running_mean"], now["low.1.running_mean"])


def test_keys_are_made_without_dropout_and_without_gradient():
    model = row_model(dropout=0.5)
    contrast = BiContrast(model, 16, 2, keys=3)
    moving, still = split_modules(contrast)
    assert contrast.projector in moving and contrast.key_projector in still
    assert all(part in still for part in contrast.key_backbone.modules())
    for modules, training in ((moving, True), (still, False)):
        for module in modules:
            module.training = training
    model.train()
    given = blobs(6)
    for _ in range(2):
        contrast(View(model, {"target": batch(given.features, given.y)}))
    assert torch.equal(contrast.latest[0][0], contrast.latest[1][0])
    model.eval()
    assert torch.equal(contrast.latest[0][0], model.backbone(torch.from_numpy(given.features)))
    assert not any(p.requires_grad for p in contrast.key_backbone.parameters())


def test_examples_near_their_class_and_far_from_the_other_cost_less():
    _, contrast = plain(temperature=0.1)
    model = Model(nn.Identity(), nn.Linear(3, 2))
    with torch.no_grad():
        model.head.weight.copy_(torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))
        for layer in (contrast.projector, contrast.key_projector):
            layer.linear.weight.copy_(torch.eye(3))
            layer.linear.bias.zero_()
    for k in (0, 1):
        contrast.queue_h[k] = contrast.queue_z[k] = torch.eye(3)[k].expand(3, 3)
        contrast.count[k] = 3
    right = contrast(View(model, {"target": batch(np.eye(3)[:2], [0, 1])}))
    wrong = contrast(View(model, {"target": batch(np.eye(3)[:2], [1, 0])}))
    assert wrong["ccl"] > right["ccl"] + 1 and wrong["cce"] > right["cce"]
    log4 = np.log(4)
    assert right["ccl"].item() == pytest.approx(log4, abs=1e-3), "four alike keys, all of the class"
    close = np.array([1, 1, 1, 1, 0, 0, 0])
    assert right["cce"].item() == pytest.approx(-(close - np.log(np.exp(close).sum()))[:4].mean(), rel=1e-5)


def fisher(features, y):
    low, high = features[y == 0], features[y == 1]
    return float((low.mean(0) - high.mean(0)).square().sum() / (low.var(0).sum() + high.var(0).sum()))


def test_contrasts_alone_pull_classes_apart_and_teach_the_head():
    model, given, test = row_model(), blobs(80), blobs(200, 9)
    contrast = BiContrast(model, 16, 2, keys=8, momentum=0.9, temperature=0.3, dimensions=8)
    x = torch.from_numpy(test.features)
    with torch.no_grad():
        contrast.fill(model.backbone(torch.from_numpy(given.features)).numpy(), given.y)
        before = fisher(model.backbone(x), test.y)

    def stages():
        yield Stage(model, {"target": given}, contrast, epochs=12, batch_size=16, lr=0.01)

    run(stages())
    with torch.no_grad():
        assert fisher(model.backbone(x), test.y) > 3 * before
        assert float((model(x).argmax(1).numpy() == test.y).mean()) > 0.9, "by prototypes alone"


def test_everything_it_remembers_is_in_its_state():
    model, contrast = plain()
    rng = np.random.default_rng(1)
    for _ in range(3):
        step(model, contrast, rng.normal(size=(4, 3)), rng.integers(0, 2, 4))
    state = copy.deepcopy(contrast.state_dict())
    other = plain()[1]
    other.load_state_dict(state)
    x, labels = rng.normal(size=(4, 3)), rng.integers(0, 2, 4)
    first, second = (step(model, c, x, labels) for c in (contrast, other))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert same(weights(contrast), weights(other))


def test_mixed_labels_are_refused():
    model, contrast = plain()
    with pytest.raises(InputError, match=r"contrasts examples by their class, and was given mixed labels"):
        contrast(View(model, {"target": batch(np.eye(3)[:1], [[0.5, 0.5]])}))
