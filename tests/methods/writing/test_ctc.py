"""A transcriber learns letters that are tones, goes on exactly, is saved, and says what it leaves out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from transferium.data.read import read
from transferium.embedding.embed import Embedder
from transferium.errors import BackboneError, DataError, InputError, TransferiumWarning
from transferium.functional.sequences.ragged import ragged
from transferium.job.fit.readable import choose_backbone
from transferium.methods.catalogue import check_problem, find_method
from transferium.methods.task import Task
from transferium.methods.writing.ctc import CTC
from transferium.models.catalogue import find_backbone
from transferium.models.heads.saved import head_from_saved
from transferium.models.heads.spelling import SpellingHead
from transferium.models.modality import giving
from transferium.models.model import Model
from transferium.objectives.writing.ctc_loss import CTCLoss
from transferium.problems.texts import written
from transferium.training.feeds.batch import Batch
from transferium.training.loop.view import View
from worlds.melodies import melodies, melody


@pytest.fixture(scope="module")
def task() -> Task:
    domain = melodies()
    backbone, _ = choose_backbone(None, domain)
    return Task(domain, None, backbone, Embedder(None, engine="torch"), 0)


def test_the_best_path_is_spelled_and_a_head_comes_back() -> None:
    head = SpellingHead(np.eye(3, dtype=np.float32), np.zeros(3, np.float32), "ab")
    paths = ragged(np.eye(3, dtype=np.float32)[path] for path in ([1, 1, 0, 1, 2, 2, 0], [0, 0], [2]))
    assert [*map(written, head.outputs(paths))] == ["aab", "", "b"]
    back = head_from_saved(head.to_tensors(), 1.0, json.loads(json.dumps(head.facts())))
    assert back.equals(head) and (back.classes, back.width) == (1, 3)
    with pytest.raises(DataError, match="do not fit"):
        SpellingHead(np.eye(3, dtype=np.float32), np.zeros(3, np.float32), "abc")


def test_the_loss_is_the_sum_over_all_paths() -> None:
    """Two moments: 'a' is written by (a, a), (a, blank) and (blank, a)."""
    rows = torch.tensor([[[0.2, 1.0], [0.7, -0.3]]])
    view = View(Model(torch.nn.Identity(), torch.nn.Identity()), {"target": Batch((rows,), None, torch.tensor([0]))})
    p = rows[0].softmax(dim=1)
    wanted = -torch.log(p[0, 1] * p[1, 1] + p[0, 1] * p[1, 0] + p[0, 0] * p[1, 1])
    torch.testing.assert_close(CTCLoss([[1]])(view)["ctc"], wanted)


def test_it_learns_letters_that_were_never_shown_their_moments(task: Task) -> None:
    fitted = CTC(epochs=9, batch_size=8, lr=5e-3, augment="none").fit(task)
    seen = task.embedder(task.train, fitted.backbone)[0]
    said = fitted.head.outputs(seen.features)
    assert task.problem.merit(task.train.y, said) < 0.1 and fitted.backbone.tuned
    alone = fitted.head.outputs(seen.features[7:8])[0]
    np.testing.assert_array_equal(alone, said[7])


def test_training_goes_on_exactly(task: Task, tmp_path: Path) -> None:
    small = CTC(epochs=1, augment="none")
    some = replace(task, train=task.train.take(range(6)))
    whole, kept = small.fit(some), replace(some, workdir=tmp_path, checkpoint_steps=1)
    assert small.fit(kept).head.equals(whole.head)
    (finished,) = tmp_path.glob("stage-*.safetensors")
    finished.unlink()
    again = small.fit(kept)
    assert again.head.equals(whole.head) and again.backbone.fingerprint == whole.backbone.fingerprint


def test_what_is_too_long_for_its_recording_is_left_out_and_said(task: Task) -> None:
    words = ["a", "b", "c" * 60]
    domain = read([melody("a"), melody("b"), melody("c")], kind="sound", label=words, problem="transcription")
    with pytest.warns(TransferiumWarning, match=r"1 of 3 transcripts have more letters than the 50 moments"):
        fitted = CTC(epochs=1, augment="none").fit(replace(task, train=domain))
    assert fitted.head.facts()["letters"] == "ab"
    longest = read([melody("a")] * 2, kind="sound", label=["a" * 60, "b" * 60], problem="transcription")
    with pytest.raises(DataError, match=r"every transcript of .* has more letters than the 50 moments"):
        CTC(epochs=1).fit(replace(task, train=longest))


def test_what_it_cannot_do_is_said(task: Task) -> None:
    with pytest.raises(BackboneError, match=r"none for each moment.*Take small_speech"):
        giving(find_backbone("efficientnet_lite0", "sound"), "tokens")
    with pytest.raises(InputError, match=r"transcripts \(transcription\). These can: auto, ctc"):
        check_problem(find_method("finetune", {}), task.problem, "words")
