"""mixup and CutMix: what is mixed, by how much, and what the loss then is."""

import numpy as np
import pytest
import torch

from transferium.errors import InputError
from transferium.objectives import mixing
from transferium.objectives.mixing import Mixed, cutmix, mixup
from transferium.objectives.supervised import Supervised
from transferium.objectives.weight_distance import L2SP
from transferium.training.feeds.feeds import Feeds
from transferium.training.loop.view import View
from worlds.toy import blobs, row_model


def step(n=7, classes=2, seed=2):
    model = row_model(classes=classes).train()
    return View(
        model, {"target": Feeds().open(blobs(20, seed, classes=classes), augmented=True).batch(0, np.arange(n))}
    )


def drawn(objective, view, seed=0):
    torch.manual_seed(seed)
    return objective(view)["task"]


def mixed(inner=None, classes=2, **alphas):
    return Mixed(inner or Supervised(), "target", classes, **alphas)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("class_weights", [None, np.array([0.5, 3.0])])
def test_the_loss_is_the_mixture_of_both_rows_losses(smoothing, class_weights):
    view = step()
    torch.manual_seed(5)
    inner = Supervised(smoothing=smoothing, class_weights=class_weights)
    found = mixed(inner, mixup=1.0, draw=lambda _alpha: 0.3)(view)["task"].item()
    torch.manual_seed(5)
    other = torch.randperm(7).numpy()
    x, y = view.inputs("target")[0].double().numpy(), view.labels("target").numpy()
    w = np.ones(2) if class_weights is None else class_weights
    total = 0.0
    for i in range(7):
        row = torch.from_numpy(0.7 * x[i] + 0.3 * x[other[i]]).float()
        logs = view.model(row[None])[0].log_softmax(-1).detach().double().numpy()
        for label, share in ((y[i], 0.7), (y[other[i]], 0.3)):
            p = np.full(2, smoothing / 2)
            p[label] += 1 - smoothing
            total += share * -(w * p * logs).sum()
    assert found == pytest.approx(total / 7, rel=1e-5)


@pytest.mark.parametrize("alphas", [{}, {"mixup": 1e-9}, {"mixup": 0.0, "cutmix": 0.0}])
def test_an_alpha_of_nothing_is_plain_bit_for_bit(alphas):
    view = step()
    plain = Supervised()(view)["task"]
    for seed in range(5):
        assert torch.equal(drawn(mixed(**alphas), view, seed), plain)


def test_a_share_of_one_is_plain_bit_for_bit():
    view, pictures = step(), torch.rand(4, 3, 8, 8)
    assert torch.equal(drawn(mixed(mixup=0.4, draw=lambda _alpha: 1.0), view), Supervised()(view)["task"])
    assert torch.equal(cutmix(pictures, torch.randperm(4), 1.0)[0], pictures)
    assert torch.equal(mixup(pictures, torch.randperm(4), 0.0)[0], pictures), "the larger share is a row's own"


def test_neither_a_batch_of_one_nor_a_model_that_is_not_training_is_mixed():
    one, view = step(1), step()
    assert torch.equal(drawn(mixed(mixup=0.4), one), Supervised()(one)["task"])
    assert not torch.equal(drawn(mixed(mixup=0.4), view), Supervised()(view)["task"])
    view.model.eval()
    assert torch.equal(drawn(mixed(mixup=0.4), view), Supervised()(view)["task"])


def test_what_is_drawn_comes_from_the_generator_that_checkpoints_hold():
    view = step()
    assert torch.equal(drawn(mixed(mixup=0.4), view), drawn(mixed(mixup=0.4), view))
    assert not torch.equal(drawn(mixed(mixup=0.4), view), drawn(mixed(mixup=0.4), view, 1))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.75])
def test_a_cut_out_rectangle_comes_from_the_other_picture_and_its_area_is_the_share(share):
    torch.manual_seed(3)
    pictures, other = torch.arange(4.0)[:, None, None, None].expand(4, 3, 20, 30), torch.tensor([1, 2, 3, 0])
    for _ in range(20):
        pasted, left = cutmix(pictures, other, share)
        assert left >= share - 1e-9 + (-1 / 20 - 1 / 30)
        for i in range(4):
            foreign = pasted[i, 0] != i
            assert (pasted[i][:, foreign] == other[i]).all()
            assert foreign.double().mean().item() == pytest.approx(1 - left)
            rows, columns = foreign.any(1).nonzero().numpy(), foreign.any(0).nonzero().numpy()
            if len(rows):
                assert foreign.sum() == (np.ptp(rows) + 1) * (np.ptp(columns) + 1), "it is one rectangle"


def test_a_rectangle_that_fits_has_the_area_asked_for(monkeypatch):
    monkeypatch.setattr(torch, "randint", lambda low, high, size: torch.tensor(high // 2))
    pasted, left = cutmix(torch.zeros(2, 3, 40, 20), torch.tensor([1, 0]), 0.75)
    assert left == 0.75 and pasted.shape == (2, 3, 40, 20)


def test_the_share_is_beta_distributed_also_where_alpha_is_small():
    torch.manual_seed(0)
    for alpha in (1e-6, 0.05, 1.0, 8.0):
        shares = np.array([mixing.draw_share(alpha) for _ in range(1500)])
        assert shares.mean() == pytest.approx(0.5, abs=0.05)
        assert shares.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.15)


def test_where_both_are_on_a_coin_chooses(monkeypatch):
    asked = []
    monkeypatch.setattr(mixing, "check_mixable", lambda **_: None)
    monkeypatch.setattr(mixing, "cutmix", lambda x, other, share: (x, 1.0))
    view, objective = step(), mixed(mixup=0.2, cutmix=1.0, draw=lambda alpha: asked.append(alpha) or 1.0)
    for _ in range(200):
        objective(view)
    assert 70 < asked.count(0.2) < 130 and asked.count(1.0) == 200 - asked.count(0.2)


def test_it_says_that_it_needs_the_examples_themselves_and_so_does_what_holds_it():
    assert mixed(mixup=1.0).needs_inputs and (0.5 * (L2SP(row_model()) + mixed(mixup=1.0))).needs_inputs
    assert not (Supervised() + 2 * L2SP(row_model())).needs_inputs


def test_what_cannot_be_mixed_is_said_with_what_to_do_instead():
    with pytest.raises(InputError, match=r"mixup is the alpha of a Beta distribution, 0 \(off\) or more; it was -1"):
        mixed(mixup=-1)
    with pytest.raises(InputError, match=r"no row of its own to be weighted by: give class_weights"):
        mixed(Supervised(weights=np.ones(20)), mixup=1.0)
    with pytest.raises(
        InputError, match=r"cutmix pastes parts of pictures, and these examples are no pictures: use mixup"
    ):
        mixed(cutmix=1.0)(step())
    tokens = step()
    tokens = tokens.seen_as("target", (torch.ones(7, 5, dtype=torch.int64), torch.ones(7, 5)))
    with pytest.raises(InputError, match=r"texts are rows of tokens.*use label_smoothing or an augmentation of texts"):
        mixed(mixup=1.0)(tokens)


def test_class_weights_make_a_plain_mean_over_rows():
    view, w = step(), np.array([0.5, 3.0])
    each = torch.nn.functional.cross_entropy(view.logits("target"), view.labels("target"), reduction="none")
    expected = (torch.from_numpy(w)[view.labels("target")] * each).mean()
    assert Supervised(class_weights=w)(view)["task"].item() == pytest.approx(expected.item(), rel=1e-6)
    ones = Supervised(class_weights=np.ones(2))(view)["task"]
    assert ones.item() == pytest.approx(Supervised()(view)["task"].item(), rel=1e-6)
