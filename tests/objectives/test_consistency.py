"""Disturbances, moving averages, worst steps, and players whose gradient must not leak."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from transferium.errors import InputError
from transferium.objectives.adversarial import critic
from transferium.objectives.alternating import SecondHead, TellApart
from transferium.objectives.consistency import Disturbed, MeanTeacher, Smoothness, disturb
from transferium.objectives.supervised import Supervised
from transferium.training.feeds.batch import Batch
from transferium.training.feeds.feeds import Feeds
from transferium.training.loop.view import View
from worlds.toy import blobs, row_model


def batch(domain, rows: int = 12) -> Batch:
    return Feeds().open(domain, augmented=False).batch(0, np.arange(rows))


def view(model) -> View:
    return View(model, {"source": batch(blobs(12, 1)), "unlabeled": batch(blobs(12, 2, shift=1).unlabeled())})


def test_strength_nought_gives_the_very_same_rows_and_draws_nothing() -> None:
    x = (torch.randn(4, 3),)
    before = torch.get_rng_state()
    assert disturb(x, 0.0) is x and torch.equal(before, torch.get_rng_state())


def test_numbers_are_shaken_and_some_are_lost() -> None:
    torch.manual_seed(0)
    x = torch.randn(2000, 3) * torch.tensor([1.0, 10.0, 0.0])
    (moved,) = disturb((x,), 0.2)
    lost = (moved == x.mean(0)).float().mean(0)
    assert torch.allclose(lost[:2], torch.tensor(0.2), atol=0.03) and torch.equal(moved[:, 2], x[:, 2])
    noise = (moved - x)[:, 1][moved[:, 1] != x.mean(0)[1]].std()
    assert noise.item() == pytest.approx(2.0, rel=0.1)


def test_images_lose_one_square_of_that_area() -> None:
    torch.manual_seed(0)
    x = torch.randn(50, 3, 20, 20)
    (moved,) = disturb((x,), 0.25)
    hole = (moved == x.mean((0, 2, 3), keepdim=True)).all(1)
    assert (hole.flatten(1).sum(1) == 100).all() and len({tuple(h.flatten().tolist()) for h in hole}) > 20


def test_texts_lose_tokens_but_never_the_first() -> None:
    torch.manual_seed(0)
    ids, mask = torch.ones(100, 50, dtype=torch.int64), torch.ones(100, 50, dtype=torch.int64)
    same, kept = disturb((ids, mask), 0.3)
    assert torch.equal(same, ids) and (kept[:, 0] == 1).all() and kept.dtype == mask.dtype
    assert kept.float().mean().item() == pytest.approx(0.7, abs=0.03)


def test_a_strength_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(InputError, match=r"a disturbance has a strength from 0 to below 1; it was 1.0"):
        disturb((torch.zeros(2, 2),), 1.0)


def test_the_teacher_trails_the_model() -> None:
    model = row_model()
    start = [p.clone() for p in model.parameters()]
    term = MeanTeacher(model, decay=0.5)
    for turn in range(3):
        with torch.no_grad():
            for p in model.parameters():
                p.add_(1.0)
        term.after_step(model)
        wanted = {0: 0.5, 1: 1.25, 2: 2.125}[turn]
        for mine, p in zip(term.teacher.parameters(), start, strict=True):
            assert torch.allclose(mine - p, torch.tensor(wanted), atol=1e-6)


def test_a_noisy_student_sees_other_rows_and_the_same_labels() -> None:
    model, clean = row_model(), Supervised("source")
    plain = clean(view(model))["task"]
    torch.manual_seed(0)
    assert Disturbed(clean, "source", 0.5)(view(model))["task"] != plain
    assert Disturbed(clean, "source", 0.0)(view(model))["task"] == plain


def test_smoothness_grows_with_the_ball_and_reaches_the_model() -> None:
    model, values = row_model(), []
    for radius in (0.0, 0.1, 0.5):
        torch.manual_seed(0)
        values.append(Smoothness(radius=radius)(view(model))["smoothness"])
    assert values[0].item() == pytest.approx(0, abs=1e-7) and values[2] > 2 * values[1] > 0
    values[2].backward()
    assert all(p.grad.abs().max() > 0 for p in model.backbone.parameters())


def test_smoothness_does_not_depend_on_the_units_of_the_features() -> None:
    values = []
    for scale in (1e-4, 1.0, 1e4):
        model = row_model()
        seen = view(model)
        first = next(m for m in model.backbone.modules() if isinstance(m, torch.nn.Linear))
        first.weight.data /= scale
        larger = seen.seen_as("unlabeled", (scale * seen.inputs("unlabeled")[0],))
        torch.manual_seed(0)
        values.append(Smoothness(radius=0.3)(larger)["smoothness"].item())
    assert values[0] == pytest.approx(values[1], rel=1e-3) and values[2] == pytest.approx(values[1], rel=1e-3)


def test_smoothness_takes_the_worst_step_not_any_step() -> None:
    model = row_model()
    seen = view(model)
    torch.manual_seed(0)
    worst = Smoothness(radius=0.3)(seen)["smoothness"].item()
    x = seen.inputs("unlabeled")[0]
    length = 0.3 * (x - x.mean(0)).norm(dim=1).mean()
    clean = model(x).log_softmax(1)
    random = []
    for _ in range(20):
        step = torch.nn.functional.normalize(torch.randn_like(x)) * length
        random.append((clean.exp() * (clean - model(x + step).log_softmax(1))).sum(1).mean().item())
    assert worst > 1.5 * np.mean(random)


def test_the_second_head_leaves_the_features_alone() -> None:
    model, head = row_model(), torch.nn.Linear(16, 2)
    SecondHead(head)(view(model))["second"].backward()
    assert head.weight.grad.abs().max() > 0 and all(p.grad is None for p in model.parameters())


def test_the_critic_of_adda_moves_neither_encoder() -> None:
    model, judge = row_model(), critic(16, 8)
    term = TellApart(model.backbone, judge)
    assert not any(p.requires_grad for p in term.fixed.parameters())
    term(view(model))["critic"].backward()
    assert all(p.grad.abs().max() > 0 for p in judge.parameters()) and all(p.grad is None for p in model.parameters())
    with torch.no_grad():
        model.backbone.low[0].weight.zero_()
    assert term.fixed.low[0].weight.abs().max() > 0, "the fixed encoder is a copy"
