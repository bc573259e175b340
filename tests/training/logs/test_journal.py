import errno
import json

import pytest
import torch

from transferium.errors import InputError, NonFiniteError, TransferiumWarning
from transferium.objectives.supervised import Supervised
from transferium.training.logs.journal import LOG, Journal, read_log
from transferium.training.loop.objective import Objective
from transferium.training.loop.stage import Stage
from transferium.training.resume.checkpoint import Checkpoints
from transferium.training.run import run
from worlds.toy import blobs, row_model


def row(step, **more):
    return {"stage": "train", "step": step, "epoch": 0, "lr": 0.1, "loss": 1.0 / (step + 1), **more}


def steps(folder):
    return [(e["number"], e["step"]) for e in read_log(folder / LOG) if "event" not in e]


def test_a_line_for_each_step_with_its_time_and_everything_in_the_row(tmp_path):
    journal = Journal(tmp_path)
    journal.open_stage(0, [])
    journal.steps(0, [row(0), row(1, val_log_loss=0.5)])
    assert not (tmp_path / LOG).exists(), "lines wait for a second"
    journal.flush()
    first, second = read_log(tmp_path / LOG)
    assert {k: v for k, v in second.items() if k != "time"} == {"number": 0, **row(1, val_log_loss=0.5)}
    assert first["time"] <= second["time"] and first["time"].startswith("20")


def test_what_is_no_number_is_null_and_every_line_is_strict_json(tmp_path):
    journal = Journal(tmp_path)
    journal.steps(0, [row(0, worst=float("nan")), row(1, worst=float("inf"))])
    journal.flush()
    for line in (tmp_path / LOG).read_text().splitlines():
        assert json.loads(line, parse_constant=pytest.fail)["worst"] is None


def test_it_writes_at_most_once_a_second(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("transferium.training.logs.journal.time.monotonic", lambda: now[0])
    journal = Journal(tmp_path)
    assert not journal.due()
    now[0] = 1.0
    assert journal.due()
    journal.flush()
    assert not journal.due()


@pytest.mark.parametrize("written", range(6))
def test_the_file_is_brought_to_the_checkpoint(tmp_path, written):
    """Whether fewer or more steps were written than the checkpoint holds, each is there once; events stay."""
    rows = [row(i) for i in range(6)]
    journal = Journal(tmp_path)
    journal.steps(0, [row(0)])
    journal.told = 0
    journal.event("stage started", {"number": 1, "step": 0})
    journal.steps(1, rows[:written])
    journal.event("interrupted", {"number": 1, "step": written})
    with (tmp_path / LOG).open("a") as file:
        file.write('{"time": "20')  # a kill in the middle of a line
    again = Journal(tmp_path)
    again.event("resumed")
    again.open_stage(1, rows[:3])
    again.steps(1, rows[:5])
    again.flush()
    assert sorted(steps(tmp_path)) == [(0, 0), *((1, i) for i in range(5))]
    assert [e["event"] for e in read_log(tmp_path / LOG) if "event" in e] == ["stage started", "interrupted", "resumed"]


def test_a_full_disk_is_said_once_and_nothing_is_lost(tmp_path, monkeypatch):
    journal = Journal(tmp_path)
    journal.steps(0, [row(0)])

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pathlib.Path.open", full)
    with pytest.warns(TransferiumWarning, match="No space left"):
        journal.flush()
    journal.steps(0, [row(0), row(1)])
    journal.flush()
    monkeypatch.undo()
    journal.flush()
    assert steps(tmp_path) == [(0, 0), (0, 1)]


class Breaks(Objective):
    """A loss that is not a number from step ``at`` on."""

    needs = frozenset({"target"})

    def __init__(self, at):
        super().__init__()
        self.at, self.calls = at, 0

    def forward(self, view):
        self.calls += 1
        loss = view.logits("target").square().mean()
        return {"held back": loss * (float("nan") if self.calls > self.at else 1.0)}


def test_a_loss_that_is_no_number_leaves_the_last_good_weights_and_says_where(tmp_path):
    model = row_model()

    def stages():
        yield Stage(model, {"target": blobs(40)}, Breaks(3), epochs=2, batch_size=8, name="all")

    with pytest.raises(
        NonFiniteError, match=r"(?s)at step 3, 'held back' is nan.*last good weights are in .*last_good"
    ):
        run(stages(), checkpoints=Checkpoints(tmp_path))
    kept = Checkpoints(tmp_path)._read(tmp_path / "last_good.safetensors")
    assert all(torch.equal(kept.under("module0")[k], v) for k, v in model.state_dict().items())
    assert read_log(tmp_path / LOG)[-1]["event"] == "stopped"


def test_of_a_loss_that_never_was_a_number_nothing_is_kept(tmp_path):
    def stages():
        yield Stage(row_model(), {"target": blobs(40)}, Breaks(0), epochs=2, batch_size=8, name="all")

    with pytest.raises(NonFiniteError, match=r"at step 0, .* Nothing was learned in this stage yet") as raised:
        run(stages(), checkpoints=Checkpoints(tmp_path))
    assert not hasattr(raised.value, "__notes__")
    assert [p.name for p in tmp_path.iterdir()] == [LOG]
    assert read_log(tmp_path / LOG)[-1]["event"] == "stopped"


def test_a_worker_that_dies_is_said_with_what_to_do(tmp_path, monkeypatch):
    from transferium.training.feeds.feeds import Steps

    def dies(self, start, stop, workers=0):
        yield self[start]
        raise RuntimeError("DataLoader worker (pid 12) is killed by signal: Killed.")

    monkeypatch.setattr(Steps, "between", dies)

    def stages():
        yield Stage(row_model(), {"target": blobs(40)}, Supervised(), epochs=2, batch_size=8)

    with pytest.raises(InputError, match=r"prepares batches ended at step 1 .*pid 12.*fewer workers, as in workers=0"):
        run(stages(), checkpoints=Checkpoints(tmp_path, every_steps=1))
    assert Checkpoints(tmp_path).under_way(0).facts["step"] == 1
    monkeypatch.undo()
    run(stages(), checkpoints=Checkpoints(tmp_path))
    assert len(steps(tmp_path)) == len(set(steps(tmp_path))) == 10
