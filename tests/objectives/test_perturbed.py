"""Adversarial training: what an attack may do, and what the loss does with it."""

import numpy as np
import pytest
import torch
from torch import nn

from transferium.errors import InputError
from transferium.functional.losses.attack import worst_in_ball, worst_in_box
from transferium.models.heads.scaled_linear import ScaledLinear
from transferium.models.model import Model
from transferium.objectives.perturbed import Perturbed, Virtual
from transferium.objectives.supervised import Supervised
from transferium.training.attack import attack_on
from transferium.training.feeds.batch import Batch
from transferium.training.feeds.feeds import Feeds
from transferium.training.loop.view import View
from worlds.domains import texts
from worlds.toy import PICTURE, blobs, picture_backbone, pictures, row_model, same, weights

LINEAR = torch.tensor([[1.0, -2.0, 0.5]])


def test_signed_steps_reach_the_corner_of_the_box_of_a_linear_loss():
    x, radius = torch.zeros(2, 3), torch.tensor([0.1, 0.2, 0.3])
    corner = torch.tensor([0.1, -0.2, 0.3]).expand(2, 3)
    for steps, start in ((1, False), (5, True)):
        torch.manual_seed(0)
        found = worst_in_box(lambda d: (d * LINEAR).sum(), x, radius, steps=steps, random_start=start)
        assert torch.allclose(found, corner)


def test_the_box_ends_where_the_range_of_pixels_ends():
    x = torch.tensor([[0.95, 0.5]])
    found = worst_in_box(lambda d: d.sum(), x, torch.tensor(0.1), low=torch.zeros(()), high=torch.ones(()))
    assert torch.allclose(x + found, torch.tensor([[1.0, 0.6]]))


def test_a_gradient_step_has_the_length_it_is_given_and_a_row_that_does_not_react_stays():
    scale = torch.tensor([[1.0], [0.0]])
    found = worst_in_ball(lambda d: (scale * d * LINEAR).sum(), torch.zeros(2, 3), torch.tensor([2.0, 2.0]))
    assert torch.allclose(found[0], 2 * LINEAR[0] / LINEAR.norm())
    assert torch.equal(found[1], torch.zeros(3))


def picture_view(n=12):
    torch.manual_seed(0)
    backbone = picture_backbone()
    model = Model(backbone.build(), ScaledLinear(5, 2))
    batch = Feeds(PICTURE).open(pictures(n), augmented=False).batch(0, np.arange(n))
    return backbone, model.train(), View(model, {"target": batch})


@pytest.mark.parametrize("kind", ["fgsm", "pgd"])
def test_pixels_move_by_whole_grey_levels_stay_in_range_and_raise_the_loss(kind):
    backbone, model, view = picture_view()
    model.eval()
    attack = attack_on(backbone, pictures(12), kind, eps=4, steps=5)
    inputs = view.inputs("target")

    def loss(seen):
        return Supervised()(view.seen_as("target", seen))["task"]

    torch.manual_seed(0)
    delta = attack.find(model.backbone, inputs, loss)
    std, mean = (torch.tensor(v).view(1, 3, 1, 1) for v in (PICTURE.std, PICTURE.mean))
    grey = delta * std * 255
    assert grey.abs().max() <= 4 + 1e-3 and grey.abs().max() > 3.9
    pixels = (inputs[0] + delta) * std + mean
    assert pixels.min() >= -1e-5 and pixels.max() <= 1 + 1e-5
    with attack.moved(model.backbone, inputs, delta) as seen:
        assert loss(seen) > loss(inputs) + 1e-3


def test_looking_for_an_attack_leaves_statistics_weights_and_gradients_alone():
    backbone, model, view = picture_view()
    before = weights(model)
    attack = attack_on(backbone, pictures(12), "pgd", eps=2, steps=3)
    attack.find(model.backbone, view.inputs("target"), lambda s: Supervised()(view.seen_as("target", s))["task"])
    assert same(before, weights(model)) and all(p.grad is None for p in model.parameters())
    assert all(m.track_running_stats for m in model.modules() if hasattr(m, "track_running_stats"))


def test_the_loss_is_the_clean_and_the_attacked_half():
    backbone, model, view = picture_view()
    model.eval()
    attack = attack_on(backbone, pictures(12), "fgsm", eps=4)
    whole = Perturbed(Supervised(), attack, share=0.25)(view)
    clean = Supervised()(view)["task"]
    assert whole.keys() == {"task", "attacked_task"}
    assert torch.allclose(whole["task"], 0.75 * clean, rtol=1e-5)
    assert whole["attacked_task"] > 0.25 * clean
    alone = Perturbed(Supervised(), attack, share=1.0)(view)
    assert alone.keys() == {"attacked_task"} and torch.allclose(alone["attacked_task"], 4 * whole["attacked_task"])
    assert Perturbed(Supervised(), attack, share=0.0)(view).keys() == {"task"}


def test_columns_move_by_a_share_of_their_own_spread():
    model, domain = row_model(), blobs(20)
    batch = Feeds().open(domain, augmented=False).batch(0, np.arange(20))
    view = View(model.eval(), {"target": batch})
    attack = attack_on(picture_backbone(), domain, "fgsm", eps=0.2)
    found = attack.find(model.backbone, batch.inputs, lambda s: Supervised()(view.seen_as("target", s))["task"])
    spread = torch.from_numpy(domain.features.std(axis=0))
    assert torch.allclose(found.abs().max(dim=0).values, 0.2 * spread, rtol=1e-4)


class TextNet(nn.Module):
    """A table of words and the mean of those that are there."""

    def __init__(self):
        super().__init__()
        self.places = nn.Embedding(8, 6)
        self.words = nn.Embedding(30, 6)

    def forward(self, ids, mask):
        seen = self.words(ids) + self.places(torch.arange(ids.shape[1]))
        shown = mask.unsqueeze(-1)
        return ((seen * shown).sum(1) / shown.sum(1)).tanh()


def text_view():
    torch.manual_seed(0)
    domain = texts(["a b", "c d e"] * 3)
    model = Model(TextNet(), ScaledLinear(6, 2)).eval()
    lengths = torch.tensor([2, 5, 3, 5, 1, 4])
    mask = (torch.arange(5) < lengths[:, None]).long()
    batch = Batch((torch.randint(0, 30, (6, 5)), mask), torch.tensor([0, 1] * 3), torch.arange(6))
    return picture_backbone(), domain, model, View(model, {"target": batch})


def test_word_embeddings_move_by_a_share_of_their_length_and_padding_does_not():
    backbone, domain, model, view = text_view()
    attack = attack_on(backbone, domain, "fgm", eps=0.5)
    ids, mask = view.inputs("target")

    def loss(seen):
        return Supervised()(view.seen_as("target", seen))["task"]

    delta = attack.find(model.backbone, (ids, mask), loss)
    assert (mask == 0).any() and torch.equal(delta[mask == 0], torch.zeros_like(delta[mask == 0]))
    lengths = (model.backbone.words(ids) * mask.unsqueeze(-1)).flatten(1).norm(dim=1)
    assert torch.allclose(delta.flatten(1).norm(dim=1), 0.5 * lengths, rtol=1e-4)
    before = loss((ids, mask))
    with attack.moved(model.backbone, (ids, mask), delta) as seen:
        assert loss(seen) > before
    assert torch.equal(loss((ids, mask)), before)


def test_the_virtual_term_reacts_to_the_head_and_not_to_labels():
    backbone, domain, _model, view = text_view()
    term = Virtual(attack_on(backbone, domain, "vat", eps=0.3))
    torch.manual_seed(0)
    some = term(view)["virtual"]
    assert some > 0
    relabelled = view.seen_as("target", view.inputs("target"), labels=1 - view.labels("target"))
    torch.manual_seed(0)
    assert torch.equal(term(relabelled)["virtual"], some)
    still = Virtual(attack_on(backbone, domain, "vat", eps=0.0))(view)["virtual"]
    assert still.item() == pytest.approx(0.0, abs=1e-6)


def test_the_virtual_term_is_of_the_change_alone_where_units_are_dropped():
    backbone, domain, model, view = text_view()
    drop = nn.Dropout(0.5)
    model.backbone.register_forward_hook(lambda _module, _inputs, output: drop(output))
    draws = torch.get_rng_state()
    still = Virtual(attack_on(backbone, domain, "vat", eps=0.0))(view)["virtual"]
    assert still.item() == pytest.approx(0.0, abs=1e-6)
    assert not torch.equal(view.seen_as("target", view.inputs("target")).logits("target"), view.logits("target"))
    torch.set_rng_state(draws)
    again, moved = (Virtual(attack_on(backbone, domain, "vat", eps=eps))(view)["virtual"] for eps in (0.0, 0.3))
    assert torch.equal(again, still) and moved > 1e-4


def test_what_cannot_be_attacked_is_refused():
    backbone, domain, *_ = text_view()
    with pytest.raises(InputError, match="for texts choose fgm or vat"):
        attack_on(backbone, domain, "pgd")
    with pytest.raises(InputError, match="there is no attack 'cw'"):
        attack_on(backbone, domain, "cw")
    with pytest.raises(InputError, match="from 0 to 1; it was 2"):
        Perturbed(Supervised(), attack_on(picture_backbone(), pictures(4), "fgsm"), share=2)
