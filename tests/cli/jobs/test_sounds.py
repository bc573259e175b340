"""Folders of sounds from the command line: fit, evaluate, predict, inspect and compare."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile

from worlds.recordings import note, write_sounds


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    return write_sounds(tmp_path / "notes", each=8)


def test_fit_evaluate_and_predict(notes: Path, tmp_path: Path, run_cli: Callable) -> None:
    run, new = tmp_path / "run", write_sounds(tmp_path / "new", each=3, seed=1)
    ran = run_cli("fit", notes, "--out", run, "--method", "probe", "--json")
    assert ran.code == 0, ran.err
    metrics = json.loads((run / "metrics.json").read_text())
    assert (metrics["kind"], metrics["backbone"], metrics["problem"]) == ("sound", "efficientnet_lite0", "classes")
    assert "<audio controls" in (run / "report.html").read_text(encoding="utf-8")
    measured = run_cli("evaluate", run, new, "--json")
    assert measured.code == 0 and json.loads(measured.out)["accuracy"]["value"] == 1.0
    soundfile.write(new / "long.flac", note(300, seconds=2.5), 8000)
    (new / "page.wav").write_bytes(b"<!doctype html><p>404")
    answered = run_cli("predict", run, new, "--out", tmp_path / "answers.csv")
    assert answered.code == 0
    assert "1 of 7 sounds last longer than the 1 s" in answered.err and "not a sound but an HTML page" in answered.err
    rows = list(csv.DictReader((tmp_path / "answers.csv").open(encoding="utf-8")))
    assert len(rows) == 8 and [row["predicted"] for row in rows if row["id"] == "long.flac"] == ["low"]


def test_inspect_and_compare(notes: Path, tmp_path: Path, run_cli: Callable) -> None:
    soundfile.write(notes / "low" / "six.wav", note(300).repeat(6).reshape(-1, 6), 8000)
    seen = run_cli("inspect", notes, "--json")
    assert seen.code == 0, seen.err
    assert {"channels"} <= {finding["kind"] for finding in json.loads(seen.out)["findings"]}
    other = write_sounds(tmp_path / "other", each=8, seed=2, rate=16000)
    told = run_cli("compare", notes, other, "--json")
    assert told.code == 0, told.err
    measures = {row["measure"]: row for row in json.loads(told.out)["surface"]["measures"]}
    assert measures["rate (Hz)"]["target"] == 16000 and {"seconds", "loudness (dB)", "peak"} <= {*measures}


def test_settings_of_other_kinds_are_refused(notes: Path, tmp_path: Path, run_cli: Callable) -> None:
    for setting, message in (("size=64", "size is a setting for images"), ("seconds=0", "give 1 to 600")):
        ran = run_cli("fit", notes, "--out", tmp_path / "run", "--set", setting)
        assert ran.code == 2 and message in ran.err
    assert not (tmp_path / "run").exists()
