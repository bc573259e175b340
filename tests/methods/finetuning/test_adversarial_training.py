"""Training against an adversary, from the method to the figures of a run."""

import numpy as np
import pytest
import torch

from transferium.cli.tables import attacked
from transferium.embedding.embed import Embedder
from transferium.errors import InputError
from transferium.evaluation.attacked import attacked_accuracy
from transferium.job.fit.judge import judge
from transferium.methods.finetuning.adversarial_training import Adversarial
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.fitted import Threat
from transferium.methods.task import Task
from worlds.domains import texts
from worlds.toy import picture_backbone, pictures, same, weights

SHORT = {"epochs": 3, "batch_size": 8, "augment": "none", "lr": 0.01, "layer_decay": 1.0}


def task(n=48, seed=0):
    torch.set_num_threads(1)
    return Task(pictures(n), pictures(24, 5), picture_backbone(), Embedder(None, engine="torch"), seed)


def test_a_share_of_nothing_is_fine_tuning_bit_for_bit():
    plain, none = FineTune(**SHORT).fit(task()), Adversarial(share=0.0, **SHORT).fit(task())
    assert same(weights(plain.backbone.build()), weights(none.backbone.build()))
    assert np.array_equal(plain.head.weight, none.head.weight)
    assert none.attack == Threat("fgsm") and plain.attack is None


def test_training_against_an_adversary_keeps_more_of_the_accuracy_under_attack():
    given, test = task(80), pictures(80, 9)
    threat = Threat("pgd", 12.0)
    left = {}
    for share in (0.0, 1.0):
        method = Adversarial(attack="pgd", eps=12.0, steps=3 if share else 7, share=share, **(SHORT | {"epochs": 12}))
        fitted = method.fit(given)
        left[share] = attacked_accuracy(fitted.backbone, fitted.head, given.train, test, threat, seed=0)
    for found in left.values():
        assert found.clean.value >= found.attacked.value
        assert found.attacked.low <= found.attacked.value <= found.attacked.high
    assert left[0.0].attacked.value < left[0.0].clean.value
    assert left[1.0].attacked.value > left[0.0].attacked.value
    assert str(left[0.0].words) == "PGD, 12 of 255 grey levels, 10 steps"


def test_no_room_to_move_leaves_the_clean_accuracy():
    given = task()
    fitted = Adversarial(**SHORT).fit(given)
    found = attacked_accuracy(fitted.backbone, fitted.head, given.train, pictures(30, 9), Threat("fgsm", 0.0), seed=0)
    assert found.clean == found.attacked and found.examples == 30
    features = given.embed(pictures(30, 9), fitted.backbone).features
    assert found.clean.value == (fitted.head.predict(features) == pictures(30, 9).y).mean()


def test_a_run_says_what_is_left_of_model_and_probe_under_attack():
    given = task()
    judged = judge((method := Adversarial(eps=8, **SHORT)).fit(given), method, given, pictures(20, 9), None)
    assert judged.attacked.keys() == {"model", "probe"}
    assert judged.attacked["model"].as_dict()["attack"] == "PGD, 8 of 255 grey levels, 10 steps"
    plain = FineTune(**SHORT)
    assert judge(plain.fit(given), plain, given, pictures(20, 9), None).attacked == {}


def test_all_of_the_test_part_attacked_has_one_clean_accuracy_with_one_interval():
    """The table of metrics and the table under attack speak of the same answers."""
    given, told = task(), []
    given.progress = lambda *step: told.append(step)
    judged = judge((method := Adversarial(**SHORT)).fit(given), method, given, pictures(40, 9), None)
    table, moved = judged.evaluation.accuracy, judged.attacked["model"].clean
    assert (moved.value, moved.low, moved.high) == pytest.approx((table.value, table.low, table.high), abs=1e-7)
    table, moved = judged.references["probe"].accuracy, judged.attacked["probe"].clean
    assert (moved.value, moved.low, moved.high) == pytest.approx((table.value, table.low, table.high), abs=1e-7)
    said = [(name, done, total) for name, done, total in told if "under attack" in name]
    assert said == [(f"the {who} under attack", done, 40) for who in ("model", "probe") for done in (0, 20, 40)]


def test_a_share_of_nothing_is_attacked_all_the_same():
    given = task()
    judged = judge((method := Adversarial(share=0, eps=8, **SHORT)).fit(given), method, given, pictures(20, 9), None)
    assert judged.attacked["model"].attacked.value <= judged.attacked["model"].clean.value
    assert judged.attacked["model"].examples == 20


def test_how_many_of_the_test_examples_were_attacked_is_said():
    figure = {"value": 0.5, "low": 0.4, "high": 0.6}
    row = {"model": {"attack": "PGD", "examples": 200, "clean": figure, "attacked": figure}}
    assert attacked(row, of=450)[0].startswith("200 of the 450 test examples")
    assert attacked(row, of=200)[0].startswith("200 test examples")
    assert attacked({}, of=200) == []


def test_settings_are_checked():
    with pytest.raises(InputError, match="attack cannot be 'pdg'"):
        Adversarial(attack="pdg")
    with pytest.raises(InputError, match="share must be 0 or more and at most 1"):
        Adversarial(share=1.5)
    with pytest.raises(InputError, match="eps must be 0 or more, or none; it was -1"):
        Adversarial(eps=-1)
    assert Adversarial()._threat(texts(["a"]).kind) == Threat("fgm")
