"""mixup and CutMix as settings of a fine-tuning."""

import numpy as np
import pytest
import torch

from transferium.data.domain import Domain
from transferium.data.samples import Items
from transferium.embedding.embed import Embedder
from transferium.errors import InputError
from transferium.methods.finetuning.adversarial_training import Adversarial
from transferium.methods.finetuning.augmentation import mixed
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.task import Task
from transferium.objectives import mixing
from transferium.objectives.supervised import Supervised
from transferium.problems.classes import Classes
from worlds.toy import picture_backbone, pictures, same, weights


def fitted(method=FineTune, epochs=2, **settings):
    torch.set_num_threads(1)
    task = Task(pictures(40), None, picture_backbone(), Embedder(None, engine="torch"), 0)
    return method(epochs=epochs, batch_size=8, lr=0.01, **settings).fit(task)


@pytest.mark.filterwarnings("ignore::transferium.methods.unused_settings.UnusedSettingWarning")
def test_alphas_of_nothing_are_plain_bit_for_bit():
    # No dropout may be drawn, since a share that is drawn moves the generator on.
    still = {"unfreeze": "none", "augment": "none", "cache": "off"}
    plain, off = fitted(**still), fitted(**still, mixup=1e-9)
    assert same(*({"w": torch.from_numpy(f.head.weight), "b": torch.from_numpy(f.head.bias)} for f in (plain, off)))
    assert plain.history == off.history and "mixup" in str(FineTune(mixup=1e-9).to_json())
    assert same(weights(fitted().backbone.build()), weights(fitted(mixup=0.0, cutmix=0.0).backbone.build()))


@pytest.mark.parametrize("alphas", [{"mixup": 1.0}, {"cutmix": 1.0}])
def test_what_is_learned_of_mixtures_is_less_sure(alphas):
    settings = {"epochs": 12, "head_lr": 0.03, "batch_norm": "batch", "augment": "none"}
    last = [np.mean([r["task"] for r in fitted(**settings, **change).history[-8:]]) for change in ({}, alphas)]
    assert last[1] > last[0] + 0.2, last


@pytest.mark.parametrize("settings", [{}, {"accumulate": 2}, {"attack": "pgd", "steps": 3}])
def test_one_mixture_is_drawn_for_each_pass_also_where_an_adversary_looks_at_it_often(settings, monkeypatch):
    drawn = []
    monkeypatch.setattr(mixing, "draw_share", lambda alpha: drawn.append(alpha) or 0.3)
    method = Adversarial if "attack" in settings else FineTune
    steps = len(fitted(method, mixup=0.4, **settings).history)
    assert len(drawn) == steps * settings.get("accumulate", 1)


def test_alphas_that_no_distribution_has_are_named():
    with pytest.raises(InputError, match=r"mixup must be 0 or more; it was -0.1"):
        FineTune(mixup=-0.1)
    with pytest.raises(InputError, match=r"cutmix must be a finite number; it was inf"):
        FineTune(cutmix=float("inf"))


@pytest.mark.parametrize(
    ("kind", "alphas", "message"),
    [
        ("text", (0.2, 0.0), r"texts are rows of tokens.*leave mixup and cutmix at 0.*label_smoothing"),
        ("features", (0.0, 1.0), r"cutmix pastes parts of pictures, and these examples are no pictures: use mixup"),
    ],
)
def test_what_cannot_be_mixed_is_refused_before_training(kind, alphas, message):
    given = Domain(Items(["a", "b"]), kind, ["0", "1"], np.array([0, 1]), Classes(("x", "y")), name="given")
    with pytest.raises(InputError, match=message):
        mixed(Supervised(), given, *alphas)
    assert isinstance(mixed(Supervised(), given, 0.0, 0.0), Supervised)
