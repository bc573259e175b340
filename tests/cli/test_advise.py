"""``transferium advise``: a plan that can be run, what it costs here, and what cannot be planned."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

import transferium as tm
from transferium.errors import DataError, InputError
from transferium.job.advise import calibrate
from transferium.job.advise.calibrate import Calibration
from transferium.job.advise.rules import Situation, steps_of
from worlds.tables import clusters, write_table


def write(path: Path, n: int, seed: int) -> Path:
    return write_table(path, *clusters(n, seed))


def situation(per_class: int | None, **changes: object) -> Situation:
    known: dict = {
        "target": "data",
        "columns": "",
        "kind": "image",
        "examples": 600,
        "per_class": per_class,
        "classes": 3,
        "sources": (),
        "source_examples": 0,
        "backbone": None,
        "weights_gb": 0.02,
        "memory_gb": 16.0,
        "cost": Calibration(1280, 0.01, 0.3, 0.05, 1.5),
    }
    return Situation(**known | changes)


def names(known: Situation) -> list[str]:
    return [step.what for step in steps_of(known)]


def test_a_plan_by_labels_memory_and_pytorch() -> None:
    assert names(situation(5)) == ["extract"]
    assert names(situation(60)) == ["extract", "tune", "tune in part", "compare"]
    assert names(situation(60, memory_gb=1.6)) == ["extract", "tune", "tune in part", "tune an adapter", "compare"]
    without = Calibration(1280, 0.01, 0.3, untrained="PyTorch is not installed")
    assert names(situation(60, cost=without)) == ["extract"]
    assert names(situation(None, sources=("a", "b"))) == ["choose a source", "adapt"]


def test_a_backbone_with_a_blank_in_its_name_is_one_word_of_a_command() -> None:
    command = shlex.split(situation(60, backbone="my models/vit").command(" --method probe"))
    assert command[3:] == ["--backbone", "my models/vit", "--method", "probe"]


def test_minutes_are_those_of_the_measured_steps() -> None:
    extract, tune = steps_of(situation(60))[:2]
    assert extract.minutes == pytest.approx(2 * 600 * 0.01 / 60)
    assert tune.minutes is not None and tune.minutes > 10 * extract.minutes
    assert all(step.evidence and "%" not in step.why for step in steps_of(situation(60)))


def test_texts_are_trained_on_to_measure_them(tmp_path: Path, run_cli: Callable) -> None:
    rows = "".join(f"a {word} film {i},{word}\n" for i in range(25) for word in ("good", "bad"))
    table = tmp_path / "films.csv"
    table.write_text(f"text,label\n{rows}")
    ran = run_cli("advise", table, "--label", "label", "--backbone", "char_ngrams", "--budget", "1s", "--json")
    assert ran.code == 0, ran.err
    assert list(ran.json) == ["target", "machine", "measured", "plan", "notes"]
    assert ran.json["measured"]["seconds_of_a_training_example"] > 0
    assert ran.json["plan"][1]["fits"] in (True, False) and "No accuracy is promised" in ran.json["notes"][-1]


def test_without_pytorch_that_is_said_and_the_plan_can_be_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_cli: Callable
) -> None:
    monkeypatch.setattr(calibrate, "can_train", lambda: False)
    table = write(tmp_path / "t.csv", 90, 0)
    ran = run_cli("advise", table, "--label", "label", "--drop", "f1", "--json")
    assert any("PyTorch, which trains networks, is not installed here" in note for note in ran.json["notes"])
    (step,) = ran.json["plan"]
    words = shlex.split(step["command"])
    assert words[:2] == ["transferium", "fit"] and words[-2:] == ["--out", "runs/probe"]
    assert words[3:7] == ["--label", "label", "--drop", "f1"]
    fitted = run_cli(*words[1:-1], tmp_path / "probe")
    assert fitted.code == 0, fitted.err
    assert "1. extract (about" in run_cli("advise", table).out


def test_sources_are_ordered_by_their_distance_and_a_bad_one_is_named(tmp_path: Path) -> None:
    target, near = write(tmp_path / "t.csv", 60, 0), write(tmp_path / "near.csv", 60, 1)
    x, y = clusters(60, 2)
    far = write_table(tmp_path / "far.csv", x + 20, y)
    told = tm.advise(target, sources=[far, near, tmp_path / "absent.csv"])
    assert list(told["measured"]["a_distance"]) == [str(near), str(far)]
    assert told["plan"][1]["command"].startswith(f"transferium fit {target} --source {near}")
    assert any("absent.csv was left out" in note for note in told["notes"])


def test_what_cannot_be_planned_is_refused(tmp_path: Path, run_cli: Callable) -> None:
    alone = tmp_path / "alone.csv"
    alone.write_text("text\n" + "".join(f"text {i}\n" for i in range(9)))
    with pytest.raises(DataError, match="has no labels, and there is no source that has"):
        tm.advise(alone)
    amounts = tmp_path / "amounts.csv"
    amounts.write_text("text,label\n" + "".join(f"text {i},{i}.5\n" for i in range(40)))
    with pytest.raises(DataError, match="plans are for classes"):
        tm.advise(amounts, problem="regression")
    with pytest.raises(InputError, match="a budget is a number of seconds above 0; -1 was given"):
        tm.advise(alone, budget=-1)
    ran = run_cli("advise", write(tmp_path / "t.csv", 30, 0), "--budget", "soon")
    assert ran.code == 2 and "is not a duration" in ran.err
    ran = run_cli("advise", alone, "--source", tmp_path / "absent.csv")
    assert ran.code == 2 and "no source can be used" in ran.err
