"""A student learns from its teacher: what it is told, on which examples, once; and what cannot be taught."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from transferium.artifact import Artifact
from transferium.data.domain import Domain
from transferium.data.learned import Learned
from transferium.embedding.embed import Embedder
from transferium.embedding.store.store import FeatureStore
from transferium.errors import ArtifactError, DataError, InputError
from transferium.methods.catalogue import method_class
from transferium.methods.distillation.distil import Distil
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.task import Task
from transferium.models.catalogue import find_backbone
from transferium.models.heads.linear import linear
from transferium.models.model import Model
from transferium.models.surgery.attention_maps import attention_backbone, last_maps
from transferium.objectives.distillation import TaughtAttention
from transferium.problems.classes import Classes
from transferium.training.feeds.batch import Batch
from transferium.training.loop.view import View
from worlds.tables import clusters, table, write_table
from worlds.teachers import PICTURE_TEACHER, Pupil
from worlds.toy import picture_backbone, pictures, same, weights

FAST: dict[str, Any] = {"epochs": 3, "batch_size": 8, "head_lr": 3e-2}


def rows(n: int, seed: int = 0) -> Domain:
    return table(*clusters(n, seed), name=f"rows{seed}")


def task(train: Domain, **change: Any) -> Task:
    torch.set_num_threads(1)
    backbone = replace(find_backbone(None, "features"), width=8)
    return Task(train, None, backbone, Embedder(None), 0, **change)


@pytest.fixture
def teacher(tmp_path: Path) -> Path:
    """A probe of feature rows, which knows three clusters well."""
    given = task(rows(200, 9))
    fitted = LinearProbe().fit(given)
    learned = Learned.of(given.train)
    Artifact(replace(fitted.backbone, width=8), fitted.head, given.problem, {}, learned).save(tmp_path / "teacher")
    return tmp_path / "teacher"


def test_without_soft_answers_it_is_finetune_to_the_bit() -> None:
    torch.set_num_threads(1)
    given = Task(pictures(24), None, picture_backbone(), Embedder(None, engine="torch"), 0)
    student = Pupil(soft=0.0, epochs=2, batch_size=8)
    own = {name: getattr(student, name) for name in (f.name for f in fields(FineTune))}
    ours, plain = student.fit(given), FineTune(**own).fit(given)
    assert same(weights(ours.backbone.build()), weights(plain.backbone.build()))
    assert np.array_equal(linear(ours.head).weight, linear(plain.head).weight)
    alone = ours.rivals["without_teacher"].fit()
    assert np.array_equal(linear(alone.head).weight, linear(plain.head).weight)


def test_a_student_believes_its_teacher_and_not_the_labels(teacher: Path) -> None:
    given, new = rows(120), rows(100, 5)
    wrong = replace(given, labels=(given.y + 1) % 3)
    student = Distil(teacher=str(teacher), soft=1.0, best_epoch="last", **FAST).fit(task(wrong))
    told = student.rivals["teacher"].fit().head.predict(new.features)
    assert (student.head.predict(new.features) == told).mean() > 0.95
    alone = student.rivals["without_teacher"].fit()
    assert (alone.head.predict(new.features) == told).mean() < 0.2


def test_unlabeled_inputs_lead_and_held_out_ones_are_not_among_them(teacher: Path, tmp_path: Path) -> None:
    given, val = rows(12), rows(10, 2)
    many, _ = clusters(78, 7)
    path = write_table(tmp_path / "many.csv", np.concatenate([many, val.features]), np.zeros(88, int))
    known = replace(task(given), val=val)
    student = Distil(teacher=str(teacher), unlabeled=str(path), **FAST).fit(known)
    steps = [record["epoch"] for record in student.history]
    # 12 labelled and 78 other inputs in batches of 8, whole ones, since two streams are read.
    assert [steps.count(e) for e in range(3)] == [9, 9, 9]
    alone = student.rivals["without_teacher"].fit()
    assert max(record["epoch"] for record in alone.history) + 1 == round(3 * 78 / 12)


def test_classes_in_another_order_are_those_of_the_same_name(teacher: Path) -> None:
    given = rows(60)
    turned = replace(given, labels=2 - given.y, problem=Classes(("c", "b", "a")))
    student = Distil(teacher=str(teacher), **FAST | {"epochs": 8}).fit(task(turned))
    right = (student.rivals["teacher"].fit().head.predict(turned.features) == turned.y).mean()
    assert right > 0.9 and (student.head.predict(turned.features) == turned.y).mean() > 0.9


def test_the_teacher_is_asked_once(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "store")
    given = Task(pictures(24), None, picture_backbone(), Embedder(store, engine="torch"), 0)
    Pupil(epochs=1, batch_size=8).fit(given)
    again = Embedder(store, engine="torch")(given.train, PICTURE_TEACHER.backbone)[0]
    # A fifth is held out, about which no student is taught.
    assert (again.computed, again.reused) == (5, 19)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("a", "b", "z"), r"the teacher does not know 'z' and the data lacks 'c'"),
        (("a", "b", "c", "d"), r"3 classes and the data has 4 classes: the teacher does not know 'd'\. A student"),
    ],
)
def test_a_teacher_with_other_classes(names: tuple[str, ...], said: str, teacher: Path) -> None:
    given = replace(rows(60), problem=Classes(names))
    with pytest.raises(DataError, match=said):
        Distil(teacher=str(teacher), **FAST).fit(task(given))


def test_a_teacher_of_another_kind_of_example_and_of_other_features(teacher: Path) -> None:
    pictured = Task(pictures(24), None, picture_backbone(), Embedder(None, engine="torch"), 0)
    with pytest.raises(ArtifactError, match="reads features examples; 'pictures' holds image examples"):
        Distil(teacher=str(teacher)).fit(pictured)
    narrow = table(*(part[..., :5] if part.ndim == 2 else part for part in clusters(30, 0)), name="narrow")
    with pytest.raises(ArtifactError, match="reads 8 features; 'narrow' has 5"):
        Distil(teacher=str(teacher)).fit(task(narrow))


def test_what_is_missing_is_said(tmp_path: Path, teacher: Path) -> None:
    with pytest.raises(InputError, match=r"needs a teacher, the run or saved model.*set="):
        Distil().fit(task(rows(30)))
    with pytest.raises(ArtifactError, match=r"no saved model at .*nothing"):
        Distil(teacher=str(tmp_path / "nothing")).fit(task(rows(30)))
    with pytest.raises(DataError, match="does not exist"):
        Distil(teacher=str(teacher), unlabeled=str(tmp_path / "none.csv")).fit(task(rows(30)))
    with pytest.raises(InputError, match="accumulate=2 would split"):
        Distil(match="relations", accumulate=2)
    assert method_class("distil") is Distil


def test_another_teacher_does_not_go_on_from_this_ones_state(teacher: Path, tmp_path: Path) -> None:
    Distil(teacher=str(teacher), **FAST).fit(task(rows(40), workdir=tmp_path / "state"))
    given = task(rows(200, 8))
    fitted = LinearProbe().fit(given)
    Artifact(replace(fitted.backbone, width=8), fitted.head, given.problem, {}).save(teacher)
    with pytest.raises(InputError, match="cannot be resumed: taught by"):
        Distil(teacher=str(teacher), **FAST).fit(task(rows(40), workdir=tmp_path / "state"))


def test_attention_equals_a_slow_version() -> None:
    """Zagoruyko & Komodakis, equations 1 and 2: sums of squares over channels, each map divided by its length."""
    torch.manual_seed(0)
    student, picture = picture_backbone(), torch.randn(3, 3, 16, 16)
    layer, grid = last_maps(student.build(), student)
    assert (layer, grid) == ("body", (8, 8))
    seen = attention_backbone(PICTURE_TEACHER.backbone, "body", (4, 4))
    told = seen.build()(picture).detach().numpy()
    model = Model(student.build(), torch.nn.Linear(5, 2)).eval()
    objective = TaughtAttention({"target": told[[2, 0, 1]]}, layer, (4, 4))
    view = View(model, {"target": Batch((picture,), None, torch.tensor([1, 2, 0]))}, taps=objective.taps)
    total = 0.0
    for network, rows in ((model.backbone, []), (PICTURE_TEACHER.backbone.build(), [])):
        maps = network.body(network.stem(picture).relu()).detach().double().numpy()
        for one in maps:
            squares = (one**2).mean(axis=0).reshape(4, 2, 4, 2).mean(axis=(1, 3)).ravel()
            rows.append(squares / np.sqrt((squares**2).sum()))
        total = rows if not total else sum(((a - b) ** 2).sum() for a, b in zip(total, rows, strict=True)) / 3
    assert objective(view)["taught_attention"].item() == pytest.approx(total, rel=1e-4)


def test_attention_needs_places_that_stay(teacher: Path) -> None:
    with pytest.raises(InputError, match=r"augment=auto moves what the student sees: give augment=none"):
        Distil(match="attention")
    with pytest.raises(InputError, match="no feature maps of images"):
        Distil(teacher=str(teacher), match="attention", augment="none", **FAST).fit(task(rows(40)))
