"""``predict --out`` takes the place of earlier predictions, and of nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from transferium.errors import InputError
from transferium.job.predict.predictions import check_out
from transferium.problems.classes import Classes
from transferium.problems.texts import Translation

ROWS = "f0,f1,label\n" + "".join(f"{i % 2}.{i},{i % 3},{'ab'[i % 2]}\n" for i in range(24))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text(ROWS)
    return path


@pytest.fixture
def run(data: Path, tmp_path: Path, run_cli: Callable) -> Path:
    ran = run_cli("fit", data, "--label", "label", "--method", "probe", "--out", tmp_path / "run", "--no-store")
    assert ran.code == 0, ran.err
    return tmp_path / "run"


def test_the_data_and_other_files_are_kept_and_earlier_predictions_replaced(
    run: Path, data: Path, tmp_path: Path, run_cli: Callable
) -> None:
    ran = run_cli("predict", run, data, "--label", "label", "--out", data)
    assert ran.code == 2 and f"--out {data} is the data itself ({data})" in ran.err, ran.err
    notes = tmp_path / "notes.txt"
    notes.write_text("id by id, what was predicted\n")
    ran = run_cli("predict", run, data, "--label", "label", "--out", notes, "--json")
    assert ran.code == 2 and f"--out {notes} holds something else than predictions" in ran.err and not ran.out
    assert data.read_text() == ROWS and notes.read_text().startswith("id by id")

    given = ("predict", run, data, "--label", "label", "--out", tmp_path / "p.csv")
    assert run_cli(*given).code == 0
    whole = (tmp_path / "p.csv").read_bytes()
    (tmp_path / "p.csv").write_bytes(whole[:-20])
    ran = run_cli(*given)
    assert ran.code == 0, ran.err
    assert (tmp_path / "p.csv").read_bytes() == whole


def test_the_data_is_known_by_any_name(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "link.csv").symlink_to(data)
    os.link(data, tmp_path / "hard.csv")
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path)
    names = ("rows.csv", "./rows.csv", "sub/../rows.csv", "link.csv", "hard.csv")
    for name in names:
        with pytest.raises(InputError, match=rf"--out {Path(name)} is the data itself .*Name another file"):
            check_out(Path(name), data)
    with pytest.raises(InputError, match="is the data itself"):
        check_out(data, Path("link.csv"))


@pytest.mark.parametrize(
    "content",
    [
        b"id,label\n1,a\n",
        b"id,predicted\n1,a\n",
        b"id,predicted,price\n1,a,3\n",
        b"id,predicted,p_a,price\n1,a,1,3\n",
        b"label,id,predicted,p_a\n",
        b"\n",
        b"\x89PNG\r\n\x1a\n\x00\x00",
        b"\xff\xd8" + bytes(range(256)) * 700,
        b"x" * 200_000,
    ],
)
def test_what_predict_did_not_write_is_not_overwritten(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "kept").write_bytes(content)
    with pytest.raises(InputError, match=r"holds something else than predictions .*Name another file, or remove"):
        check_out(tmp_path / "kept", tmp_path / "rows.csv")


@pytest.mark.parametrize("content", ["", "id,predicted,p_a,p_b\n", "id,label,predicted,p_a\n", 'id,predicted,"p_,"\n'])
def test_what_predict_wrote_and_what_is_empty_is_replaced(content: str, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(content)
    check_out(tmp_path / "p.csv", tmp_path / "rows.csv")


def test_written_texts_are_replaced_by_a_model_that_writes_texts(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("id,label,predicted\n0,ein Hund,eine Katze\n")
    check_out(tmp_path / "p.csv", tmp_path / "rows.csv", Translation())
    for problem in (None, Classes(("a", "b"))):
        with pytest.raises(InputError, match="holds something else than predictions"):
            check_out(tmp_path / "p.csv", tmp_path / "rows.csv", problem)
    (tmp_path / "p.csv").write_text("id,label,predicted,price\n0,ein Hund,eine Katze,3\n")
    with pytest.raises(InputError, match="holds something else than predictions"):
        check_out(tmp_path / "p.csv", tmp_path / "rows.csv", Translation())


def test_folders_and_devices_are_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is a folder; name a file in it, as in .*predictions\.csv"):
        check_out(tmp_path, data)
    with pytest.raises(InputError, match=r"/dev/null is a device or a pipe; .*leave --out away"):
        check_out(Path(os.devnull), data)
