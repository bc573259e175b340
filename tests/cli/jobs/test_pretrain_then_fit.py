"""``fit DATA --pretrain CORPUS``: the chain in one call, what stands beside it, and going on after an interruption."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from transferium.job.fit import beforehand
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.finetuning.scratch import FromScratch
from worlds.tables import clusters, write_table


def interrupted(*_given: object) -> None:
    raise KeyboardInterrupt


def test_what_pretraining_was_worth_is_said_and_an_interrupted_run_does_not_pretrain_again(
    tmp_path: Path, run_cli: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, data = tmp_path / "run", write_table(tmp_path / "data.csv", *clusters(60, 0))
    command = ["fit", data, "--pretrain", data, "--method", "ncm", "--out", out]
    command += ["--set", "pretrain.epochs=1", "--set", "pretrain.strength=0.25", "--set", "pretrain.width=8"]
    with monkeypatch.context() as patched:
        patched.setattr("transferium.job.fit.run.judge", interrupted)
        ran = run_cli(*command)
    assert ran.code == 130 and f"transferium fit --resume {out}" in ran.err
    assert (out / "state" / "encoder" / "pretraining.json").is_file()
    other = run_cli(*command, "--set", "pretrain.layers=3")
    assert other.code == 2 and "pretrain.layers" in other.err
    with monkeypatch.context() as patched:
        patched.setattr(beforehand, "pretrain_job", interrupted)
        ran = run_cli("fit", "--resume", out)
    assert ran.code == 0, ran.err
    told = json.loads((out / "metrics.json").read_text())
    assert {"off_the_shelf", "from_scratch"} <= told["references"].keys()
    assert told["rivals"]["decided_by"] == "off_the_shelf"
    assert told["difference"]["low"] is not None
    assert told["verdict_sentence"].lower().count("pretraining on data.csv ") == 2
    assert told["pretraining"]["method"]["strength"] == 0.25 and told["pretraining"]["objectives"] == ["dae"]
    assert any(
        "held-out examples are in the corpus too: read there, without labels" in said for said in told["remarks"]
    )
    assert (out / "encoder" / "config.json").is_file() and not (out / "state").exists()
    assert told["backbone"] == "encoder" and told["rivals"]["costs"]["model"]["parameters"] > 8 * 8
    assert run_cli("predict", out, data, "--out", tmp_path / "p.csv").code == 0
    assert run_cli("fit", data, "--backbone", out / "encoder", "--method", "ncm", "--out", tmp_path / "b").code == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--objective", "dae"], "--objective is of a pretraining, and none was asked for: give --pretrain CORPUS"),
        (["--set", "pretrain.epochs=3"], "--set pretrain.epochs=3 is of a pretraining, and none was asked for"),
        (["--pretrain", "CORPUS", "--source", "CORPUS"], "--source adapts to a target: use transferium pretrain"),
        (["--pretrain", "CORPUS", "--label", "a", "--label", "b"], "--label names several tasks: use transferium"),
        (["--pretrain", "CORPUS", "--objective", "mlm"], "mlm learns from texts, and 'data' holds images: leave"),
        (["--pretrain", "CORPUS", "--objective", "dea"], "there is no objective 'dea'. Did you mean 'dae'?"),
        (["--pretrain", "CORPUS", "--set", "pretrain.epohs=3"], "has no setting 'epohs'. Did you mean 'epochs'?"),
        (["--pretrain", "CORPUS", "--method", "scratch"], "starts from random weights, so that pretraining would have"),
        (["--pretrain", "nowhere"], "nowhere does not exist"),
    ],
)
def test_what_does_not_go_together_is_refused_before_anything_is_begun(
    options: list[str], said: str, images: Path, tmp_path: Path, run_cli: Callable
) -> None:
    given = [str(images) if word == "CORPUS" else word for word in options]
    ran = run_cli("fit", images, *given, "--out", tmp_path / "run")
    assert ran.code == 2 and said in ran.err
    assert not (tmp_path / "run").exists()


def test_from_scratch_the_budget_is_the_same_and_the_rates_are_those_for_random_weights() -> None:
    method = FineTune(epochs=3, batch_size=4, lr=1e-6, unfreeze=1, augment="light")
    scratch = beforehand._from_scratch(method, "text")
    assert isinstance(scratch, FromScratch)
    assert (scratch.epochs, scratch.batch_size, scratch.augment) == (3, 4, "light")
    assert beforehand._from_scratch(method, "row") is method  # nothing of it can move
    assert (scratch.lr, scratch.unfreeze) == (FromScratch().lr, "all")
