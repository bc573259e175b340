"""Several tasks train one network: one of them is fine-tuning, all answer, and interrupted it ends the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from transferium.embedding.embed import Embedder
from transferium.errors import InputError
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.fitted import Fitted
from transferium.methods.several_tasks.joint import Goal, Joint, SeveralTasks
from transferium.models.heads.linear import linear
from transferium.objectives.supervised import SupervisedTasks
from transferium.problems.regression import Regression
from worlds.toy import picture_backbone, pictures, same, weights

SHORT: dict[str, Any] = {"epochs": 2, "batch_size": 8}


def goals(train: Any) -> dict[str, Goal]:
    """What colour a picture is, and how bright it is."""
    bright = np.array([np.asarray(picture).mean() for picture in train.samples.items])
    return {"colour": Goal(train.posed, train.y, None), "bright": Goal(Regression(("bright",)), bright, None)}


def task(kept: tuple[str, ...] = ("colour", "bright"), **change: Any) -> SeveralTasks:
    torch.set_num_threads(1)
    train = pictures(40)
    known = {name: goal for name, goal in goals(train).items() if name in kept}
    return SeveralTasks(train, None, picture_backbone(), Embedder(None, engine="torch"), 0, goals=known, **change)


def everything(fitted: dict[str, Fitted]) -> dict[str, torch.Tensor]:
    first = next(iter(fitted.values()))
    heads = {name: torch.from_numpy(linear(one.head).weight) for name, one in fitted.items()}
    return weights(first.backbone.build()) | heads


def test_one_task_is_fine_tuning() -> None:
    joint = Joint(**SHORT)
    plain = FineTune(**{f.name: getattr(joint, f.name) for f in fields(FineTune)}).fit(task())
    alone = joint.fit_tasks(task(("colour",)))["colour"]
    for name, tensor in weights(plain.backbone.build()).items():
        assert torch.allclose(tensor.float(), weights(alone.backbone.build())[name].float(), atol=1e-5)
    assert np.allclose(linear(plain.head).weight, linear(alone.head).weight, atol=1e-5)
    assert alone.head.temperature == pytest.approx(plain.head.temperature, rel=1e-3)


def test_one_backbone_answers_every_task_in_its_own_unit() -> None:
    given = task()
    fitted = Joint(epochs=10, batch_size=8, lr=3e-3, head_lr=3e-2, batch_norm="batch", augment="none").fit_tasks(given)
    assert len({one.backbone.fingerprint for one in fitted.values()}) == 1
    seen = given.embed(given.train, fitted["bright"].backbone).features
    bright = fitted["bright"].head.outputs(seen)[:, 0]
    truth = given.goals["bright"].train
    assert np.abs(bright - truth).mean() < np.abs(truth - truth.mean()).mean()
    assert set(fitted["colour"].history[0]) >= {"task colour", "task bright"}


@pytest.mark.parametrize("weighting", ["uniform", "uncertainty"])
def test_interrupted_and_started_again_it_ends_the_same(weighting: str, tmp_path: Path) -> None:
    method = Joint(weighting=weighting, **SHORT)
    expected = method.fit_tasks(task())
    assert same(everything(expected), everything(method.fit_tasks(task())))

    def halt(after: int) -> Callable[[str, int, int], None]:
        def progress(_what: str, done: int, _total: int) -> None:
            if done == after:
                raise KeyboardInterrupt

        return progress

    for stop in (3, 6):
        with pytest.raises(KeyboardInterrupt):
            method.fit_tasks(task(workdir=tmp_path, checkpoint_steps=1, progress=halt(stop)))
    again = method.fit_tasks(task(workdir=tmp_path, checkpoint_steps=1))
    assert same(everything(again), everything(expected))
    assert again["colour"].history == expected["colour"].history


def test_noise_starts_where_the_loss_of_knowing_nothing_is_divided_best() -> None:
    named = goals(pictures(40))
    bright = named["bright"].train
    labels = {"colour": named["colour"].train, "bright": (bright - bright.mean()) / bright.std()}
    problems = {name: goal.problem for name, goal in named.items()}
    noise = SupervisedTasks(problems, labels, uncertainty=True).noise
    assert noise is not None
    assert noise.tolist() == pytest.approx([np.log(2 * np.log(problems["colour"].width)), 0.0], abs=1e-6)
    uniform, by_noise = (everything(Joint(weighting=w, **SHORT).fit_tasks(task())) for w in ("uniform", "uncertainty"))
    assert not torch.allclose(uniform["colour"], by_noise["colour"], rtol=1e-4)


def test_what_is_for_one_task() -> None:
    with pytest.raises(InputError, match=r"mixup=0.2 is for one task, and joint solves several"):
        Joint(mixup=0.2)
    with pytest.raises(InputError, match="lowest held-out loss over all tasks"):
        Joint(best_epoch="accuracy")
    with pytest.raises(InputError, match="solves several tasks at once, and there is one"):
        Joint().fit(task())
