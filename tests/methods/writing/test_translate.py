"""A translator learns a small language, goes on exactly, is saved, carried over, and is the network of transformers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from transferium.artifact import Artifact, load_artifact
from transferium.data.read import read
from transferium.embedding.embed import Embedder
from transferium.errors import BackboneError, DataError, InputError, TransferiumWarning
from transferium.functional.sequences.ragged import ragged
from transferium.job.run_backbone import named_backbone
from transferium.methods.catalogue import check_problem, find_method
from transferium.methods.fitted import Fitted
from transferium.methods.task import Task
from transferium.methods.writing.translate import Translate
from transferium.models.catalogue import find_backbone, randomised
from transferium.models.heads.saved import head_from_saved
from transferium.models.modality import giving
from transferium.models.writing.decoder_network import DecoderNetwork, loaded
from transferium.problems.texts import written
from worlds.translations import captions, saved_t5


def on_torch(task: Task, fitted: Fitted) -> list[str]:
    """The texts that a fitted model writes for the training part."""
    seen = task.embedder(task.train, fitted.backbone)[0]
    return [*map(written, fitted.head.outputs(seen.features))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A saved T5, and the model itself."""
    path = tmp_path_factory.mktemp("t5")
    return path, saved_t5(path)


def task_on(backbone: Any) -> Task:
    return Task(captions(), None, giving(backbone, "tokens"), Embedder(None, engine="torch"), 0)


def test_a_folder_is_the_model_of_transformers(folder: tuple[Path, Any]) -> None:
    path, model = folder
    task = task_on(find_backbone(path, "text"))
    encoder, decoder = task.backbone.build(), DecoderNetwork(loaded(path, None), 16)
    ids, before = torch.tensor([[3, 5, 7, 1]]), torch.tensor([[0, 9, 13]])
    with torch.inference_mode():
        ours = decoder(encoder(ids), torch.ones_like(ids), before)
        theirs = model(input_ids=ids, decoder_input_ids=before).logits
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)
    target = Translate()._target(task, [])
    assert target.pieces(["un chien rouge"], 9) == ([[9, 13, 11, 1]], 0) and target.start == 0


def test_it_learns_a_language_and_company_changes_no_answer(folder: tuple[Path, Any]) -> None:
    task = task_on(find_backbone(folder[0], "text"))
    method = Translate(epochs=60, batch_size=8, lr=0.02, lr_backbone=0.02, smoothing=0.0, longest=8)
    fitted = method.fit(task)
    truth = [written(label) for label in task.train.y]
    assert on_torch(task, fitted) == truth and fitted.backbone.tuned and fitted.backbone.output == "tokens"
    features = task.embedder(task.train, fitted.backbone)[0].features
    alone = [fitted.head.outputs(features[i : i + 1])[0] for i in range(len(features))]
    assert [*map(written, alone)] == truth


def test_training_goes_on_exactly(folder: tuple[Path, Any], tmp_path: Path) -> None:
    task = task_on(find_backbone(folder[0], "text"))
    small = find_method("translate", {"epochs": 2, "batch_size": 4, "longest": 8})
    whole = small.fit(task)
    kept = replace(task, workdir=tmp_path, checkpoint_steps=1)
    assert small.fit(kept).head.equals(whole.head)
    (finished,) = tmp_path.glob("stage-*.safetensors")
    finished.unlink()
    again = small.fit(kept)
    assert again.head.equals(whole.head) and again.backbone.fingerprint == whole.backbone.fingerprint


def test_an_untrained_encoder_has_a_tokenizer_of_the_training_part() -> None:
    task = task_on(find_backbone("small_transformer", "text"))
    assert (task.backbone.output, task.backbone.width, task.backbone.pretrained) == ("tokens", 128, False)
    assert len(task.backbone.preprocess([task.train.samples.raw(0)])[0]) == len(["[CLS]", "one", "red", "dog", "[SEP]"])
    again = task_on(find_backbone("small_transformer", "text")).backbone
    assert again.fingerprint == task.backbone.fingerprint


def test_what_is_cut_is_counted_and_said(folder: tuple[Path, Any]) -> None:
    task = task_on(find_backbone(folder[0], "text", max_length=4))
    long = read(
        ["one red dog", "one red dog one red dog"], kind="text", label=["un chat", "un " * 20], problem="translation"
    )
    with pytest.warns(TransferiumWarning) as said:
        fitted = Translate(epochs=1, longest=8).fit(replace(task, train=long))
    messages = [str(one.message) for one in said]
    assert messages[0].startswith("1 of 2 texts have more than 4 pieces and are read up to there")
    assert messages[1].startswith("1 of 2 texts to be written have more than 8 pieces and are cut there")
    assert {*messages} <= {*fitted.selection.notes}


@pytest.mark.slow  # a graph is exported
def test_a_saved_run_is_shared_and_answers(folder: tuple[Path, Any], tmp_path: Path) -> None:
    task = task_on(find_backbone(folder[0], "text"))
    fitted = find_method("translate", {"epochs": 1, "longest": 8}).fit(task)
    Artifact(fitted.backbone, fitted.head, task.problem).save(tmp_path / "run")
    back = load_artifact(tmp_path / "run")
    domain = task.train.unlabeled()
    assert [*map(written, back.outputs(back.embed(domain, Embedder(None))))] == on_torch(task, fitted)
    shared = giving(named_backbone(tmp_path / "run", "text"), "tokens")
    assert shared.pretrained and not randomised(shared).pretrained
    theirs, ours = fitted.backbone.build().state_dict(), shared.build().state_dict()
    assert all(torch.equal(theirs[name], ours[name]) for name in theirs)
    with pytest.raises(BackboneError, match="was trained to write texts"):
        giving(shared, "pooled")


def test_what_it_cannot_do_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"texts to be written \(translation\). These can: auto, translate"):
        check_problem(find_method("probe", {}), captions().posed, "captions")
    with pytest.raises(BackboneError, match="gives one row for a whole text"):
        task_on(find_backbone("char_ngrams", "text"))
    (tmp_path / "pairs.csv").write_text("en,de\na dog,ein Hund\na cat,\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"1 of 2 texts in .* is missing \(row 2, counted from 1\)"):
        read(tmp_path / "pairs.csv", text="en", label="de", problem="translation")


def test_a_head_comes_back_and_wants_parts(folder: tuple[Path, Any]) -> None:
    task = task_on(find_backbone(folder[0], "text"))
    head = find_method("translate", {"epochs": 1, "longest": 8}).fit(task).head
    back = head_from_saved(head.to_tensors(), 1.0, json.loads(json.dumps(head.facts())))
    assert back.equals(head) and (back.classes, back.width) == (1, 16)
    rows = ragged([np.ones((3, 16), np.float32), np.zeros((0, 16), np.float32)])
    assert written(back.outputs(rows)[0]) == written(head.outputs(rows)[0]) and len(back.outputs(rows)[1]) == 0
    with pytest.raises(DataError, match="reads a row for each part"):
        head.outputs(np.zeros((2, 16)))
