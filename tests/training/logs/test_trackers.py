import socket
import sys
from types import SimpleNamespace

import pytest

from transferium.errors import InputError
from transferium.objectives.supervised import Supervised
from transferium.training.distributed.machine import Machine
from transferium.training.logs.trackers import Tracks, check_trackers
from transferium.training.loop.stage import Stage
from transferium.training.resume.checkpoint import Checkpoints
from transferium.training.run import run
from worlds.toy import blobs, row_model


def stages(model):
    yield Stage(model, {"target": blobs(24)}, Supervised(), epochs=2, batch_size=8, name="one", lr=0.1)
    yield Stage(model, {"target": blobs(24)}, Supervised(), epochs=1, batch_size=8, name="two", lr=0.1)


def tracked(folder, progress=None, checkpoints=None):
    machine = Machine(track=("tensorboard",), logs=folder)
    tracks = Tracks(machine.accelerator, folder, {"lr": 0.1, "unfreeze": "all", "patience": None, "widths": [3, 4]})
    return run(stages(row_model()), machine=machine, tracks=tracks, checkpoints=checkpoints, progress=progress)


def scalars(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "transferium")).Reload()
    return {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_tensorboard_has_every_step_and_the_hyper_parameters_and_opens_no_socket(tmp_path, monkeypatch):
    pytest.importorskip("tensorboard")
    monkeypatch.setattr(socket, "socket", lambda *_, **__: pytest.fail("a socket was opened"))
    history = tracked(tmp_path).history
    assert len(history) == 9
    seen = scalars(tmp_path)
    expected = [(i, pytest.approx(row["task"])) for i, row in enumerate(history)]
    assert seen["one/task"] == expected[:6] and seen["two/task"] == expected[6:]
    assert [step for step, _ in seen["one/lr"]] == list(range(6))
    kept = next(tmp_path.rglob("hparams.yml")).read_text()
    assert "unfreeze: all" in kept and "patience: 'null'" in kept


def test_what_an_interruption_undid_is_not_shown_twice(tmp_path):
    pytest.importorskip("tensorboard")

    def stop(name, done, _total):
        if name == "two" and done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tracked(tmp_path, stop, Checkpoints(tmp_path / "state", every_steps=1))
    history = tracked(tmp_path, None, Checkpoints(tmp_path / "state", every_steps=1)).history
    seen = scalars(tmp_path)
    assert [step for step, _ in seen["one/task"] + seen["two/task"]] == list(range(len(history)))


def test_a_tracker_that_is_not_there_or_not_installed(monkeypatch):
    with pytest.raises(InputError, match=r"no tracker 'tensorbord'. Did you mean 'tensorboard'\?"):
        check_trackers(["tensorbord"])
    monkeypatch.setattr("transferium.training.logs.trackers.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"'wandb' is not installed. Install it with: pip install wandb"):
        check_trackers(["wandb"])
    with pytest.raises(InputError, match=r"pip install 'transferium\[track\]'"):
        check_trackers(["tensorboard"])


def test_others_stay_here_unless_the_environment_says_otherwise(tmp_path, monkeypatch):
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    uris = []
    monkeypatch.setitem(sys.modules, "mlflow", SimpleNamespace(set_tracking_uri=uris.append))
    asked = {}

    def init_trackers(project, config, init_kwargs):
        asked.update(init_kwargs)

    opened = SimpleNamespace(log_with=["wandb", "mlflow"], init_trackers=init_trackers, log=lambda *_, **__: None)
    Tracks(opened, tmp_path, {}).steps([{"stage": "one", "step": 0, "task": 1.0}])
    assert asked["wandb"] == {"dir": str(tmp_path), "mode": "offline"}
    assert asked["mlflow"] == {"logging_dir": str(tmp_path)} and uris == [f"sqlite:///{tmp_path / 'mlflow.db'}"]
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://there")
    Tracks(opened, tmp_path, {}).steps([{"stage": "one", "step": 0, "task": 1.0}])
    assert asked["wandb"]["mode"] == "online" and len(uris) == 1
