"""PET and soft prompts: the laws of methods that train, and what is learned at a slot."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import transferium as tm
from transferium.artifact import Artifact
from transferium.embedding.embed import Embedder
from transferium.errors import BackboneError, InputError
from transferium.functional.linear_classifier import log_softmax
from transferium.methods.few_shots.pet import PET
from transferium.methods.fitted import Fitted
from transferium.methods.task import Task
from transferium.methods.unused_settings import UnusedSettingWarning
from transferium.methods.zero_shot.answers import mean_of_templates
from transferium.methods.zero_shot.zero_shot import ZeroShot
from transferium.models.catalogue import find_backbone
from transferium.models.prompting.cloze_backbone import cloze_backbone
from worlds.bert import saved_language_model, sayings
from worlds.toy import same, weights

WORDS = {"dog": ["runs", "pup"], "cat": "sleeps"}  # not what the texts say, so that there is something to learn
TEMPLATES = ("{text} it was {mask}.", "a {mask} {text}")
SHORT: dict[str, Any] = {"labels": WORDS, "templates": TEMPLATES, "epochs": 2, "batch_size": 4}
ROWS = [PET(lr=3e-3, **SHORT), PET(tokens=3, prompt_lr=0.1, **SHORT)]
every = pytest.mark.parametrize("method", ROWS, ids=["network", "prompt"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mlm")
    saved_language_model(path)
    return path


def task(folder: Path, n: int = 10, seed: int = 0, **change: Any) -> Task:
    torch.set_num_threads(1)
    given = find_backbone(str(folder), "text")
    return Task(sayings(n, 0, "t"), None, given, Embedder(None, engine="torch"), seed, **change)


ONCE: dict[int, Fitted] = {}


def once(method: PET, folder: Path) -> Fitted:
    """One fit of a row, which several tests look at."""
    if id(method) not in ONCE:
        ONCE[id(method)] = method.fit(task(folder))
    return ONCE[id(method)]


def everything(fitted: Fitted) -> dict[str, torch.Tensor]:
    return weights(fitted.backbone.build()) | {"temperature": torch.tensor(fitted.head.temperature)}


@every
def test_only_what_may_move_moves_and_the_same_seed_gives_the_same(method: PET, folder: Path) -> None:
    given = task(folder)
    start = cloze_backbone(given.backbone, TEMPLATES, ZeroShot(WORDS).said(given.train), prompt=method.tokens).backbone
    before = weights(start.build())
    first, second = once(method, folder), method.fit(task(folder))
    after = weights(first.backbone.build())
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    if method.tokens:
        assert moved == {"encoder.adapter.prompt"} and "48 of " in first.selection.notes[0]
    else:
        assert len(moved) > 30 and "encoder.model.embeddings.word_embeddings.weight" in moved
    assert same(everything(first), everything(second)) and first.history == second.history
    assert first.backbone.fingerprint == second.backbone.fingerprint
    assert not same(everything(first), everything(method.fit(task(folder, seed=1))))


@every
def test_the_loss_falls_and_both_faces_agree(method: PET, folder: Path) -> None:
    given, new = task(folder, 16), sayings(30, 5, "new")
    zero = ZeroShot(WORDS, TEMPLATES).fit(given)
    fitted = replace(method, epochs=8).fit(given)
    seen = given.embed(new, fitted.backbone).features
    assert (fitted.head.predict(seen) == fitted.head.outputs(seen).argmax(axis=1)).all()
    loss = {
        name: -log_softmax(f.head.logits(given.embed(new, f.backbone).features))[np.arange(30), new.y].mean()
        for name, f in (("before", zero), ("after", fitted))
    }
    assert loss["after"] < loss["before"] - 0.2


def test_the_first_loss_is_that_of_zero_shot(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "sure")
    config = (folder / "config.json").read_text().replace('dropout_prob": 0.1', 'dropout_prob": 0.0')
    (tmp_path / "sure" / "config.json").write_text(config)
    given = task(tmp_path / "sure", 4)
    zero = ZeroShot(WORDS, TEMPLATES).fit(given)
    scores = zero.head.logits(given.embed(given.train, zero.backbone).features)
    history = PET(lr=1e-9, **SHORT).fit(given).history
    assert history[0]["task"] == pytest.approx(-log_softmax(scores)[np.arange(4), given.train.y].mean(), abs=1e-5)
    assert mean_of_templates(2, 2).logits(np.array([[1.0, 2, 3, 4]])).tolist() == [[2.0, 3.0]]


class StoppedError(Exception):
    """Stands for whatever ends a process."""


@every
def test_interrupted_and_started_again_it_ends_the_same(method: PET, folder: Path, tmp_path: Path) -> None:
    expected, seen = once(method, folder), []

    def halt(_name: str, done: int, _total: int) -> None:
        seen.append(done)
        if len(seen) == 4:
            raise StoppedError

    with pytest.raises(StoppedError):
        method.fit(task(folder, workdir=tmp_path, checkpoint_steps=1, progress=halt))
    again = method.fit(task(folder, workdir=tmp_path, checkpoint_steps=1))
    assert same(everything(again), everything(expected)) and again.history == expected.history
    with pytest.raises(InputError, match=r"cannot be resumed: method.epochs"):
        replace(method, epochs=3).fit(task(folder, workdir=tmp_path))


def test_a_val_part_gives_the_temperature(folder: Path) -> None:
    given = task(folder)
    alone, calibrated = once(ROWS[1], folder), ROWS[1].fit(replace(given, val=sayings(20, 3, "v")))
    assert alone.head.temperature == 1 != calibrated.head.temperature
    assert any("too sure" in note for note in alone.selection.notes)


def test_saved_and_loaded_it_answers_the_same(folder: Path, tmp_path: Path) -> None:
    given = task(folder)
    said = {"dog": "dog", "cat": "cat"}
    fitted = PET(said, TEMPLATES[:1], tokens=2, epochs=1).fit(given)
    saved = Artifact(fitted.backbone, fitted.head, given.problem, {})
    saved.save(tmp_path / "model")
    new = sayings(9, 5, "new")
    texts = [str(new.samples.raw(i)) for i in range(len(new))]
    loaded = tm.load(tmp_path / "model")
    expected = fitted.head.outputs(given.embed(new, fitted.backbone).features)
    np.testing.assert_allclose(loaded.predict_proba(texts), expected, atol=1e-5)
    assert (loaded.classes_[expected.argmax(axis=1)] == loaded.predict(texts)).all()
    assert not (tmp_path / "model" / "backbone.safetensors").exists()


def test_what_cannot_be_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"one \{text\} .* and one \{mask\}.*'This is \{\}.'"):
        PET(templates=("This is {}.",))
    with pytest.raises(InputError, match=r"say nothing"):
        PET().check_data(tm.read(["a dog", "a cat"], label=["0", "1"]))
    with pytest.raises(InputError, match=r"fewer tokens"):
        PET(tokens=20, **SHORT).fit(task(folder))
    with pytest.raises(BackboneError, match=r"char_ngrams has none"):
        PET(**SHORT).fit(replace(task(folder), backbone=find_backbone("char_ngrams", "text")))
    with pytest.warns(UnusedSettingWarning, match=r"prompt_lr=1 has no effect here: it counts with learned embeddings"):
        PET(prompt_lr=1)
