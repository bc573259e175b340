"""``transferium rank``: JSON for scripts, a table for readers, refusals with a reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import transferium as tm
from worlds.tables import clusters, write_table


def write(path: Path, n: int, seed: int) -> Path:
    x, y = clusters(n, seed)
    return write_table(path, x, y)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path, Path]:
    x, y = clusters(60, 2)
    turned = write_table(tmp_path / "turned.csv", x, (y + 1) % 3)
    return write(tmp_path / "target.csv", 45, 0), write(tmp_path / "near.csv", 60, 1), turned


def test_sources_in_json_and_as_a_table(files: tuple[Path, Path, Path], run_cli: Callable) -> None:
    target, near, turned = files
    ran = run_cli("rank", target, "--sources", turned, near, turned.parent / "absent.csv", "--json")
    assert ran.code == 0, ran.err
    assert list(ran.json) == ["candidates", "recommended", "reason", "doubt"]
    assert [c["name"] for c in ran.json["candidates"]] == [str(near), str(turned)]
    assert ran.json["recommended"] == str(near)
    assert "absent.csv was left out" in ran.json["doubt"] and "absent.csv was left out" in ran.err
    shown = run_cli("rank", target, "--sources", turned, near).out
    assert "candidate" in shown and f"Recommended: {near}" in shown and "Doubt: These labels chose" in shown


def test_a_saved_run_is_a_candidate_with_scores_of_its_answers(tmp_path: Path, run_cli: Callable) -> None:
    texts, label = ["good film", "fine meal", "bad film", "poor meal"] * 6, ["+", "+", "-", "-"] * 6
    texts = [f"{text} {i}" for i, text in enumerate(texts)]
    tm.TransferClassifier(backbone="char_ngrams").fit(texts, label).save(tmp_path / "run")
    table = tmp_path / "t.csv"
    table.write_text("text,label\n" + "".join(f"{a},{b}\n" for a, b in zip(texts[:16], label, strict=False)))
    told = run_cli("rank", table, "--backbones", "char_ngrams", tmp_path / "run", "--json").json
    scores = {c["name"]: c["scores"] for c in told["candidates"]}
    assert scores[str(tmp_path / "run")]["leep"] > -0.7 and "leep" not in scores["char_ngrams"]
    assert scores[str(tmp_path / "run")]["logme"] == pytest.approx(scores["char_ngrams"]["logme"], rel=1e-5)
    assert "learned from 16 of these 16 examples, so that its scores are too good" in told["doubt"]


def test_what_cannot_be_ranked_is_refused(files: tuple[Path, Path, Path], run_cli: Callable) -> None:
    target = files[0]
    rows = run_cli("rank", target, "--backbones", "char_ngrams")
    assert rows.code == 2 and "no candidate can be scored" in rows.err and "need no other backbone" in rows.err
    nothing = run_cli("rank", target)
    assert nothing.code == 2 and "no backbone is known for row examples" in nothing.err and "--sources" in nothing.err
    alone = run_cli("rank", target, "--sources", "--json")
    assert alone.code == 2 and "--sources needs labelled data or runs, and the option --json follows it" in alone.err
