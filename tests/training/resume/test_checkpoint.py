import errno
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from transferium import __version__
from transferium.errors import InputError, TransferiumWarning
from transferium.objectives.supervised import Supervised
from transferium.system.program import program
from transferium.training.loop.stage import Stage
from transferium.training.resume.changes import refuse_changes
from transferium.training.resume.checkpoint import Checkpoints, Saved
from transferium.training.resume.episode_state import _restore_optimiser, describe
from transferium.training.run import run
from worlds.toy import blobs, row_model, same, weights


def saved(value=1.0):
    return Saved({"a/x": torch.full((2,), value), "b/y": torch.ones(1)}, {"step": 3, "text": "é"})


def test_what_is_written_comes_back(tmp_path):
    places = Checkpoints(tmp_path)
    assert places.under_way(0) is None and places.finished(0) is None
    places.save_step(0, saved())
    back = places.under_way(0)
    assert back.under("a")["x"].tolist() == [1, 1] and list(back.under("b")) == ["y"]
    assert back.facts["text"] == "é" and back.facts["stage"] == 0
    assert places.under_way(1) is None
    places.save_finished(0, saved(2.0))
    assert places.under_way(0) is None and places.finished(0).under("a")["x"].tolist() == [2, 2]
    places.clear()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("kind", "where"), [("plain", "cpu"), ("fused", "meta"), ("capturable", "meta")])
def test_the_count_of_steps_comes_back_where_the_optimiser_reads_it(kind, where):
    """Fused and capturable kernels read it on the parameter's device, others in the memory of the CPU."""
    parameters = [torch.nn.Parameter(torch.zeros(shape, device="meta")) for shape in ((2, 3), ())]
    optimiser = torch.optim.AdamW(parameters, fused=False)
    optimiser.param_groups[0][kind] = True
    kept = {f"{i}/{key}": torch.zeros(p.shape) for i, p in enumerate(parameters) for key in ("exp_avg", "exp_avg_sq")}
    _restore_optimiser(optimiser, kept | {f"{i}/step": torch.tensor(7.0) for i in range(2)})
    for parameter in parameters:
        state = optimiser.state[parameter]
        assert state["step"].device.type == where and state["exp_avg"].device.type == "meta"
        assert where == "meta" or state["step"].item() == 7


def test_nothing_is_pickled(tmp_path):
    Checkpoints(tmp_path).save_step(0, saved())
    content = (tmp_path / "step.safetensors").read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert set(header) == {"__metadata__", "a/x", "b/y"}


def test_a_full_disk_while_writing_keeps_the_old_checkpoint_and_the_run(tmp_path, monkeypatch):
    places = Checkpoints(tmp_path)
    places.save_step(0, saved(1.0))

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("transferium.training.resume.checkpoint.os.fsync", full)
    with pytest.warns(TransferiumWarning, match=r"no checkpoint could be written .*No space left.*Training goes on"):
        places.save_step(0, saved(2.0))
    places.save_step(0, saved(3.0))  # said once
    with pytest.raises(
        InputError,
        match=r"finished stage could not be written .*No space left.*make room and start the same command again",
    ):
        places.save_finished(0, saved(4.0))
    monkeypatch.undo()
    assert places.under_way(0).under("a")["x"].tolist() == [1, 1]
    assert [p.name for p in tmp_path.iterdir()] == ["step.safetensors"]


@pytest.mark.parametrize("spoil", [lambda c: c[: len(c) // 2], lambda c: b"", lambda c: b"\xff" * len(c)])
def test_a_damaged_checkpoint_is_said_and_ignored(tmp_path, spoil):
    places = Checkpoints(tmp_path)
    places.save_step(0, saved())
    file = tmp_path / "step.safetensors"
    file.write_bytes(spoil(file.read_bytes()))
    with pytest.warns(TransferiumWarning, match=r"is damaged .* was ignored; that stage starts again"):
        assert places.under_way(0) is None


def test_a_flipped_bit_anywhere_is_damage(tmp_path):
    places = Checkpoints(tmp_path)
    places.save_step(0, saved())
    file = tmp_path / "step.safetensors"
    whole, draw = file.read_bytes(), np.random.default_rng(0)
    for at in draw.integers(len(whole), size=60):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << draw.integers(8)
        file.write_bytes(damaged)
        with pytest.warns(TransferiumWarning, match=r"step.safetensors is damaged .* was ignored"):
            assert places.under_way(0) is None


def test_a_checkpoint_of_another_format_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("transferium.training.resume.checkpoint.FORMAT", 99)
    Checkpoints(tmp_path).save_step(0, saved())
    monkeypatch.undo()
    with pytest.raises(InputError, match="has format 99, and this version reads up to 2"):
        Checkpoints(tmp_path).under_way(0)


def test_writing_takes_a_small_share_of_the_time(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("transferium.training.resume.checkpoint.time.monotonic", lambda: now[0])
    places = Checkpoints(tmp_path, every_s=10)
    assert not places.due(1)
    now[0] = 10.0
    assert places.due(2)
    places.cost, places.last = 3.0, 10.0
    now[0] = 69.0
    assert not places.due(3)
    now[0] = 70.0
    assert places.due(4)
    assert [Checkpoints(tmp_path, every_steps=3).due(s) for s in (1, 2, 3, 6)] == [False, False, True, True]


def stages(model, **change):
    change = {"lr": 0.1, "batch_size": 8, "epochs": 2} | change
    yield Stage(model, {"target": change.pop("target", blobs(20))}, Supervised(), **change)


def interrupted(folder):
    """A run that ends after four steps, as a user's Ctrl-C would."""

    def stop(_name, done, _total):
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(stages(row_model()), checkpoints=Checkpoints(folder, every_steps=1), progress=stop)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 10}, "batch_size 8 → 10"),
        ({"about": {"backbone": "new"}}, "backbone null → new"),
        (
            {"target": blobs(20, 3)},
            r"stream target 20 features examples, 2 classes, \w{16} → 20 features examples, 2 classes, \w{16}",
        ),
        ({"epochs": 3, "seed": 4}, "seed 0 → 4; epochs 2 → 3"),
    ],
)
def test_another_run_is_not_resumed(tmp_path, change, message):
    interrupted(tmp_path)
    with pytest.raises(InputError, match=f"cannot be resumed: {message}.*another folder.*--restart"):
        run(stages(row_model(), **change), checkpoints=Checkpoints(tmp_path))
    model = row_model()
    run(stages(model, **change), checkpoints=Checkpoints(tmp_path, restart=True))
    alone = row_model()
    run(stages(alone, **change))
    assert same(weights(model), weights(alone))


def test_a_finished_run_is_loaded_not_trained(tmp_path):
    model, again = row_model(), row_model(seed=5)
    first = run(stages(model), checkpoints=Checkpoints(tmp_path))
    steps = []
    second = run(stages(again), checkpoints=Checkpoints(tmp_path), progress=lambda *t: steps.append(t))
    assert steps == [] and second.history == first.history
    assert same(weights(model), weights(again))


BEFORE = {"method": {"name": "finetune", "epochs": 6, "workers": 2}, "epochs": 6, "seed": 0}


def test_workers_may_change_and_a_changed_method_is_said_field_by_field():
    now = {"method": {"name": "finetune", "epochs": 6, "workers": 0}, "epochs": 6, "seed": 0}
    refuse_changes(BEFORE, now, Path(), program())
    with pytest.raises(InputError) as said:
        other = {"method": {"name": "finetune", "epochs": 8, "workers": 0}, "epochs": 8}
        refuse_changes(BEFORE, other, Path("run"), program())
    assert "cannot be resumed: method.epochs 6 → 8; seed 0 → null. Give the same data" in str(said.value)


@pytest.mark.parametrize(
    ("begun_by", "words"),
    [
        ("0.0.9 00000000", f"(0.0.9 → {__version__})"),
        (f"{__version__} 00000000", f"(version {__version__} with other code)"),
        (None, f"(an earlier one → {__version__})"),
    ],
)
def test_what_another_program_does_otherwise_is_not_laid_at_the_users_door(begun_by, words):
    refuse_changes(BEFORE, BEFORE, Path("run"), begun_by)
    now = BEFORE | {"method": BEFORE["method"] | {"views": 4}}
    with pytest.raises(InputError) as said:
        refuse_changes(BEFORE, now, Path("run"), begun_by)
    assert f"this program has changed since {words}" in str(said.value)
    assert "method.views null → 4" in str(said.value) and "--restart" in str(said.value)
    assert "Give the same data" not in str(said.value)


def test_a_new_default_of_another_program_is_said_when_a_run_is_resumed(tmp_path, monkeypatch):
    def stages(steps):
        yield Stage(row_model(), {"target": blobs(8)}, Supervised(), steps=steps, about={"method": {"steps": steps}})

    monkeypatch.setattr("transferium.training.resume.checkpoint.program", lambda: "0.0.9 00000000")
    run(stages(2), checkpoints=Checkpoints(tmp_path))
    with pytest.raises(InputError, match=r"this program has changed since \(0.0.9 → .*method.steps 2 → 3"):
        run(stages(3), checkpoints=Checkpoints(tmp_path))


def test_a_later_stage_that_another_program_shuffled_otherwise_is_not_resumed(tmp_path, monkeypatch):
    def stages():
        for name in ("first", "second"):
            yield Stage(row_model(), {"target": blobs(20)}, Supervised(), epochs=1, batch_size=8, name=name)

    def stop(name, done, _total):
        if name == "second" and done == 2:
            raise KeyboardInterrupt

    def earlier(episode):  # once the seed of a later stage was the run's
        return describe(episode) | {"seed": 0}

    with monkeypatch.context() as before, pytest.raises(KeyboardInterrupt):
        before.setattr("transferium.training.resume.checkpoint.program", lambda: "0.0.9 00000000")
        before.setattr("transferium.training.resume.episode_state.describe", earlier)
        run(stages(), checkpoints=Checkpoints(tmp_path, every_steps=1), progress=stop)
    with pytest.raises(InputError, match=r"this program has changed since \(0.0.9 → .*seed 0 → 0 and stage 1"):
        run(stages(), checkpoints=Checkpoints(tmp_path))
