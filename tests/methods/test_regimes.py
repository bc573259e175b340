"""A method that does not adapt cannot be given a target, and returns nothing of an adaptation."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np
import pytest

from transferium.errors import InputError
from transferium.methods.adaptation_task import AdaptationTask
from transferium.methods.adapted_model import AdaptedModel, source_reader
from transferium.methods.catalogue import METHODS, method_class
from transferium.methods.fitted import Fitted
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.task import Task
from worlds import shifted

OF_ADAPTATION = {"unlabeled", "target", "sources", "model"}


@dataclass
class Curious(LinearProbe):
    """A probe that keeps the tasks it is given."""

    name: ClassVar[str] = "curious"
    given: ClassVar[list[Task]] = []

    def fit(self, task: Task) -> Fitted:
        self.given.append(task)
        return super().fit(task)


def test_a_method_that_does_not_adapt_sees_the_source_alone() -> None:
    task = shifted.SAME.task()
    fitted = Curious().adapt(task)
    (given,) = Curious.given
    assert type(given) is Task and given.train is task.train
    assert not OF_ADAPTATION & {field.name for field in fields(Task)}
    assert {field.name for field in fields(AdaptationTask)} > OF_ADAPTATION
    assert not isinstance(fitted, AdaptedModel) and fitted.beside == {}
    assert source_reader(fitted) == (fitted.backbone, fitted.head)


def test_methods_that_need_a_target_refuse_a_task_without_one() -> None:
    for name in METHODS:
        made = method_class(name)()
        if made.needs_target or made.needs_few:
            with pytest.raises(InputError, match=f"method '{name}' adapts a source to a target, and there is no"):
                made.fit(shifted.SAME.task().without_target())


def test_some_examples_of_an_adaptation_keep_their_target_and_their_origin() -> None:
    world = shifted.SAME
    task = world.task(sources=np.arange(len(world.source)))
    some = task.on(np.array([1, 4]))
    assert some.train.ids == task.train.take([1, 4]).ids and some.unlabeled is task.unlabeled
    assert some.sources is not None and some.sources.tolist() == [1, 4]
