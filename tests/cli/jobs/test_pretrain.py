"""``transferium pretrain`` and what comes after it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from transferium.cli.app import cli
from transferium.errors import TransferiumError
from transferium.job.pretrain.run import options_of
from transferium.methods.unused_settings import UnusedSettingWarning
from transferium.system import extras

SMALL = [
    x for s in ("layers=1", "width=16", "heads=2", "length=24", "vocabulary=120", "epochs=1") for x in ("--set", s)
]


def run(*arguments: object):
    return CliRunner().invoke(cli, [str(a) for a in arguments])


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    lines = [f"{'good' if i % 2 else 'bad'} film {i}. it was {'fine' if i % 2 else 'poor'}." for i in range(60)]
    (tmp_path / "corpus.txt").write_text("\n\n".join(lines))
    rows = [f"{line},{'good' if i % 2 else 'bad'}" for i, line in enumerate(lines)]
    (tmp_path / "table.csv").write_text("\n".join(["text,label", *rows]))
    return tmp_path


def test_an_encoder_is_made_said_and_fitted(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(corpus)
    made = run("pretrain", "corpus.txt", "--objective", "mlm,nsp", *SMALL, "--out", "enc")
    assert made.exit_code == 0, made.output
    assert "60 documents, 120 sentences" in made.output and "held-out nsp accuracy" in made.output
    assert {"config.json", "tokenizer.json", "model.safetensors", "pretraining.json", "log.jsonl"} <= {
        path.name for path in (corpus / "enc").iterdir()
    }
    fitted = run("fit", "table.csv", "--backbone", "enc", "--method", "ncm", "--engine", "torch", "--out", "run")
    assert fitted.exit_code == 0, fitted.output


@pytest.mark.parametrize("content", ["", "one line", "a\0b"])
def test_bad_input_leaves_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "c.txt").write_text(content)
    ran = run("pretrain", tmp_path / "c.txt", *SMALL, "--out", tmp_path / "enc")
    assert isinstance(ran.exception, TransferiumError)
    assert not (tmp_path / "enc").exists()


def test_a_folder_with_other_files_is_not_replaced(corpus: Path) -> None:
    ran = run("pretrain", corpus / "corpus.txt", *SMALL, "--out", corpus)
    assert isinstance(ran.exception, TransferiumError) and "nothing was overwritten" in str(ran.exception)


def test_an_interrupted_fit_is_not_thrown_away(corpus: Path) -> None:
    (corpus / "run" / "state").mkdir(parents=True)
    (corpus / "run" / "state" / "command.json").write_text("{}")
    ran = run("pretrain", corpus / "corpus.txt", *SMALL, "--out", corpus / "run")
    assert isinstance(ran.exception, TransferiumError) and "holds an interrupted fit" in str(ran.exception)


def test_without_what_trains_it_is_said_before_anything_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "can_train", lambda: False)
    ran = run("pretrain", "nowhere.txt")
    assert isinstance(ran.exception, TransferiumError)
    assert "pretraining trains a network and needs PyTorch" in str(ran.exception)


@pytest.mark.parametrize(
    ("objective", "backbone", "settings", "said"),
    [
        ("vicreg", None, {"noise": "masking"}, "noise=masking has no effect here: it counts with objective dae"),
        ("nsp", None, {"masking": "word"}, "masking=word has no effect here: it counts with objective mlm"),
        ("mim", "a/vit", {"layers": 2}, r"layers=2 has no effect here: it counts with a new network \(no --backbone"),
    ],
)
def test_a_setting_without_effect_is_said(objective: str, backbone: str | None, settings: dict, said: str) -> None:
    with pytest.warns(UnusedSettingWarning, match=said):
        options_of(objective, settings, out=Path("enc"), backbone=backbone)
    options_of("mlm", {"masking": "word", "layers": 2}, out=Path("enc"))


def test_help_and_refusals_import_no_torch() -> None:
    program = (
        "import sys\nfrom click.testing import CliRunner\nfrom transferium.cli.app import cli\n"
        "assert CliRunner().invoke(cli, ['pretrain', '--help']).exit_code == 0\n"
        "CliRunner().invoke(cli, ['pretrain', 'nowhere.txt', '--set', 'epochs=x'])\nassert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
