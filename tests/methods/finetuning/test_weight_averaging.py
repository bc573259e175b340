"""Averages of weights as settings of a fine-tuning: at nothing they are plain, and what was kept is said."""

import json

import numpy as np
import pytest
import torch

from transferium.embedding.embed import Embedder
from transferium.errors import InputError
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.finetuning.lp_ft import LPFT
from transferium.methods.task import Task
from worlds.toy import picture_backbone, pictures, same, weights

SETTINGS = {"epochs": 4, "batch_size": 8, "batch_norm": "batch", "lr": 0.01, "head_lr": 0.03, "augment": "none"}


def fitted(method=FineTune, **change):
    torch.set_num_threads(1)
    task = Task(pictures(40), None, picture_backbone(), Embedder(None, engine="torch"), 0)
    return method(**SETTINGS | change).fit(task)


def everything(found):
    head = {"weight": torch.from_numpy(found.head.weight), "bias": torch.from_numpy(found.head.bias)}
    return weights(found.backbone.build()) | head


@pytest.mark.parametrize(
    ("average", "plain"),
    [
        ({"average": "ema", "ema_decay": 0.0}, {}),
        ({"average": "soup", "soup_size": 1}, {}),
        ({"average": "swa", "swa_from": 0.9, "schedule": "constant"}, {"schedule": "constant"}),
    ],
)
def test_at_nothing_they_are_plain_bit_for_bit(average, plain):
    found, expected = fitted(**average), fitted(**plain)
    assert same(everything(found), everything(expected)) and found.head.temperature == expected.head.temperature
    assert found.history == expected.history
    assert found.selection.chosen["epoch"] == expected.selection.chosen["epoch"]


def test_the_rate_is_held_where_swa_takes_its_mean_and_falls_as_ever_before():
    plain, swa = ([r["lr"] for r in fitted(**way).history] for way in ({}, {"average": "swa"}))
    half = len(plain) // 2
    assert swa[:half] == plain[:half] and set(swa[half:]) == {plain[half]} and plain[-1] < plain[half]


def test_swa_waits_for_the_end_of_the_warm_up():
    rates = [r["lr"] for r in fitted(average="swa", swa_from=0.0, warmup=0.5).history]
    half = len(rates) // 2
    assert rates[: half - 1] == sorted(set(rates[: half - 1])) and set(rates[half:]) == {max(rates)}


def test_a_soup_names_its_ingredients_and_scores_no_worse_than_the_best_epoch():
    found = fitted(LPFT, average="soup", epochs=6)
    said = json.loads(json.dumps(found.selection.to_json()))
    scores = {c["epoch"]: c["val_log_loss"] for c in said["candidates"]}
    best = min(scores, key=scores.__getitem__)
    soup = said["chosen"]["soup"]
    assert soup[0] == best == said["chosen"]["epoch"] and set(soup) <= set(scores)
    assert f"a soup was begun with epoch {best}" in str(found.selection)
    order = sorted(scores, key=scores.__getitem__)[1:5]
    assert [f"epoch {e} " in said["notes"][0] for e in order] == [True] * 4


@pytest.mark.filterwarnings("ignore::transferium.methods.unused_settings.UnusedSettingWarning")
@pytest.mark.parametrize("average", ["none", "ema", "swa"])
def test_the_last_epoch_is_kept_even_where_it_scores_worst(average):
    wild = {"unfreeze": "none", "optimiser": "sgd", "schedule": "constant", "clip": None, "average": average}
    found, best = (fitted(head_lr=9.0, best_epoch=by, epochs=5, **wild) for by in ("last", "log_loss"))
    scores = [c["val_log_loss"] for c in found.selection.to_json()["candidates"]]
    assert scores == [c["val_log_loss"] for c in best.selection.to_json()["candidates"]]
    assert found.selection.chosen["epoch"] == 5 > best.selection.chosen["epoch"] and scores[-1] > min(scores)
    assert (found.head.weight != best.head.weight).any() and "the last epoch" in str(found.selection)


@pytest.mark.parametrize("average", ["ema", "swa"])
def test_what_was_looked_at_is_said(average):
    found = fitted(average=average)
    assert "what was looked at and kept" in str(found.selection)
    assert not fitted().selection.notes


@pytest.mark.filterwarnings("ignore::transferium.methods.unused_settings.UnusedSettingWarning")
def test_means_of_a_walk_at_a_high_rate_score_better_than_the_walk():
    wild = {"unfreeze": "none", "head_lr": 0.5, "schedule": "constant", "optimiser": "sgd", "epochs": 16, "clip": None}
    loss = {}
    for average in ("none", "ema", "swa"):
        looks = [r["val_log_loss"] for r in fitted(**wild, average=average).history if "val_log_loss" in r]
        loss[average] = np.mean(looks[8:])
    assert loss["swa"] < loss["ema"] < 0.9 * loss["none"], loss


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"average": "emma"}, r"average cannot be 'emma'. Did you mean 'ema'"),
        ({"ema_decay": 1.0}, r"ema_decay must be 0 or more and below 1; it was 1.0"),
        ({"swa_from": 1.0}, r"swa_from must be 0 or more and below 1; it was 1.0"),
        ({"soup_size": 0}, r"soup_size must be at least 1; it was 0"),
    ],
)
def test_settings_that_cannot_work_are_named(settings, message):
    with pytest.raises(InputError, match=message):
        FineTune(**settings)
