"""Laws of training on labels of words, for every method that takes them; the others refuse by name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from transferium.data.domain import Domain
from transferium.data.read import read
from transferium.embedding.embed import Embedder
from transferium.errors import InputError
from transferium.functional.sequences.ragged import flat, lengths
from transferium.methods.catalogue import METHODS, method_class
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.finetuning.gradual import GradualUnfreeze
from transferium.methods.finetuning.lp_ft import LPFT
from transferium.methods.peft.bottleneck_tuning import BottleneckTuning
from transferium.methods.peft.low_rank_tuning import LoRA
from transferium.methods.peft.prompt_tuning import PrefixTuning, PromptTuning
from transferium.methods.task import Task
from transferium.models.per_word import per_word
from transferium.models.word_model import MODELS
from transferium.objectives.supervised import Supervised
from transferium.training.distributed.machine import Machine
from transferium.training.feeds.feeds import Feeds
from transferium.training.loop.predict import predict
from transferium.training.loop.view import View
from worlds.adapted import bert_backbone
from worlds.toy import same, weights

SHORT: dict[str, Any] = {"epochs": 1, "batch_size": 8, "lr": 1e-2, "head_lr": 1e-2}
ROWS = [
    FineTune(accumulate=2, average="ema", best_epoch="accuracy", dropout=0.1, **SHORT),
    LPFT(**SHORT),
    GradualUnfreeze(blocks_per_stage=3, **SHORT),
    LoRA(rank=2, **SHORT),
    BottleneckTuning(reduced=4, **SHORT),
    PrefixTuning(tokens=3, **SHORT),
    PromptTuning(tokens=3, **SHORT),
]
every = pytest.mark.parametrize("method", ROWS, ids=lambda m: f"{m.name}-{m.unfreeze}")
MOST = 12
"""Tokens of a window: some of the sentences are longer."""
ACCEPT = {
    *("auto", "probe", "finetune", "lp-ft", "gradual", "l2-sp", "l2", "scratch"),
    *("lora", "dora", "ia3", "bitfit", "adapter", "prefix", "prompt"),
    *("frozen-sgd", "all-adam", "all-adamw"),
}


def sentences(n: int, seed: int = 0) -> Domain:
    """Sentences of 1 to 20 words, in which ``a dog`` and ``a cat`` are entities; one word in ten has no token."""
    rng = np.random.default_rng(seed)
    words, tags = [], []
    for _ in range(n):
        said: list[str] = []
        labelled: list[str] = []
        for _ in range(rng.integers(1, 10)):
            if rng.random() < 0.4:
                kind = ("dog", "cat")[rng.integers(2)]
                said, labelled = [*said, "a", kind], [*labelled, f"B-{kind}", f"I-{kind}"]
            else:
                said, labelled = [*said, ("runs", "sleeps", "")[rng.choice(3, p=(0.45, 0.45, 0.1))]], [*labelled, "O"]
        words.append([*said, "runs"])
        tags.append([*labelled, "O"])
    return read(words, label=tags, problem="entities")


def task(seed: int = 0, **change: Any) -> Task:
    torch.set_num_threads(1)
    backbone = per_word(bert_backbone())
    assert backbone.preprocess is not None
    short = replace(backbone, preprocess=replace(backbone.preprocess, max_length=MOST))
    return Task(sentences(20), None, short, Embedder(None, engine="torch"), seed, **change)


def everything(fitted: Any) -> dict[str, torch.Tensor]:
    head = {"head": torch.from_numpy(fitted.head.weight), "bias": torch.from_numpy(fitted.head.bias)}
    return weights(fitted.backbone.build()) | head


class StoppedError(Exception):
    """Stands for whatever ends a process."""


@every
def test_what_is_fitted_is_what_was_trained(method: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def watch(model: Any, domain: Any, feeds: Any, machine: Any, **options: Any) -> Any:
        asked["model"], asked["feeds"] = model, feeds
        return predict(model, domain, feeds, machine, **options)

    monkeypatch.setattr("transferium.training.loop.predict.predict", watch)
    fitted, new = method.fit(task()), sentences(6, 7)
    features = task().embed(new, fitted.backbone).features
    expected = predict(asked["model"], new, asked["feeds"], Machine())
    assert any(len(windows) > 1 for windows in asked["feeds"].open(new, augmented=False).windows)
    for ours, theirs, label in zip(fitted.head.logits(features), expected, new.y, strict=True):
        assert ours.shape == theirs.shape == (len(label), 5)
        np.testing.assert_allclose(ours, theirs, atol=2e-5)
    assert 0.02 <= fitted.head.temperature <= 50
    assert fitted.history[-1]["val_log_loss"] > 0 and 0 <= fitted.history[-1]["val_span_f1"] <= 1


@pytest.mark.parametrize("method", [ROWS[0]], ids=lambda m: m.name)
def test_an_interruption_changes_nothing(method: Any, tmp_path: Any) -> None:
    fitted = method.fit(task())

    def halt(_name: str, done: int, _total: int) -> None:
        if done == 2:
            raise StoppedError

    with pytest.raises(StoppedError):
        method.fit(task(workdir=tmp_path, checkpoint_steps=1, progress=halt))
    again = method.fit(task(workdir=tmp_path, checkpoint_steps=1))
    assert same(everything(again), everything(fitted)) and again.history == fitted.history


def test_the_loss_is_the_mean_over_words_whatever_the_padding_and_the_passes() -> None:
    given = task()
    train, backbone = given.train, given.backbone
    problem, feeds = train.posed, Feeds(backbone.preprocess)
    torch.manual_seed(0)
    model = MODELS[backbone.output](backbone.build(), torch.nn.Linear(backbone.width, problem.width)).eval()
    whole = feeds.open(train, augmented=True).batch(0, np.arange(len(train)))
    loss = Supervised(weights=problem.sizes(train.y), problem=problem)
    with torch.no_grad():
        together = loss(View(model, {"target": whole}))["task"]
        parts = [(len(part), loss(View(model, {"target": part}))["task"]) for part in whole.pieces(4)]
    scores = predict(model, train, feeds, Machine(), batch_size=7)
    tags = flat(train.y)
    words = -np.log(np.exp(flat(scores))[np.arange(len(tags)), tags] / np.exp(flat(scores)).sum(axis=1))
    assert float(together) == pytest.approx(words.mean(), abs=1e-5)
    assert sum(n * float(part) for n, part in parts) / len(train) == pytest.approx(words.mean(), abs=1e-5)
    assert lengths(scores).tolist() == lengths(train.y).tolist()


def test_every_method_takes_entities_or_refuses_them_by_name() -> None:
    assert {name for name in METHODS if "entities" in method_class(name).problems} == ACCEPT


def test_what_makes_no_sense_for_words_is_said() -> None:
    refused: tuple[tuple[dict[str, Any], str], ...] = (
        ({"hidden": 8}, "hidden=8 puts layers at the end of the backbone, and .* a row for each token"),
        ({"augment": "light"}, "augment=light changes words, and the words of sentences are labelled one by one"),
        ({"mixup": 0.2}, "mixup=0.2 is for classes, and the labels here are entities of 2 types"),
        ({"cache": "on"}, "cache=on, but the prefix cannot be cached: sentences are read in windows"),
    )
    for settings, words in refused:
        with pytest.raises(InputError, match=words):
            FineTune(unfreeze=1, **settings, **SHORT).fit(task())
