"""What a command says is written for a shell, what a function says for Python; and no option is dropped in silence."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import transferium as tm
from transferium.data.doctor.doctor import check_trainable
from transferium.errors import TransferiumError

PYTHON_WORDS = re.compile(r"\b(image|text|label|part|group|id|features|kind|problem|few|source|layout|backbone)=")


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    lines = [f"good word {i},{i % 2},{i % 3},{'a;b' if i % 2 else 'b;c'}" for i in range(12)]
    (tmp_path / "texts.csv").write_text("text,mood,topic,tags\n" + "\n".join(lines) + "\n")
    lines = [f"{i}.png,{int(i < 6)},{int(i > 5)}" for i in range(12)]
    (tmp_path / "flags.csv").write_text("image,healthy,rust\n" + "\n".join(lines) + "\n")
    for folder in ("train", "unlabeled"):
        (tmp_path / "folders" / folder).mkdir(parents=True)
        (tmp_path / "folders" / folder / "a.png").write_bytes(b"a")
    (tmp_path / "words.csv").write_text("x,y\nu,1\nv,2\n")
    (tmp_path / "lists.jsonl").write_text('{"text": "a", "label": {"b": 1}}\n{"text": "c", "label": {"b": 2}}\n')
    (tmp_path / "several.jsonl").write_text('{"text": "a", "label": ["b", "c"]}\n{"text": "c", "label": ["b"]}\n')
    return tmp_path


FAULTS = [
    ("texts.csv", {}, "--label …; its columns are 'mood', 'topic', 'tags'"),
    ("flags.csv", {}, "'healthy', 'rust' hold 0 and 1 and add up to one in each row"),
    ("folders", {}, "Say --layout parts or --layout classes"),
    ("words.csv", {}, "If it holds texts, say --text x; if categories, --columns x"),
    ("words.csv", {"kind": "text"}, None),
    ("lists.jsonl", {}, "name another with --label …"),
    ("several.jsonl", {"problem": "classes"}, "say --problem multi-label"),
    ("texts.csv", {"label": "text", "problem": "regression"}, "For classes say --problem classes"),
    ("texts.csv", {"label": "mood", "text": "nope"}, "has no column 'nope' (asked for as text)"),
]


@pytest.mark.parametrize("file, asked, words", FAULTS)
def test_each_face_words_options_its_own_way(
    file: str, asked: dict[str, str], words: str | None, tables: Path, run_cli: Callable
) -> None:
    with pytest.raises(TransferiumError) as caught:
        check_trainable(tm.read(tables / file, **asked))
    assert " --" not in str(caught.value)
    if words is not None:
        typed = [word for name, value in asked.items() for word in (f"--{name}", value)]
        quick = ("--backbone", "char_ngrams") if file == "texts.csv" else ()
        ran = run_cli("fit", tables / file, *typed, *quick, "--out", tables / "run")
        assert (ran.code, PYTHON_WORDS.search(ran.err)) == (2, None), ran.err
        assert words in ran.err
    with pytest.raises(TransferiumError) as again:
        check_trainable(tm.read(tables / file, **asked))
    assert str(again.value) == str(caught.value)


def test_a_guess_is_worded_for_its_face(tables: Path, run_cli: Callable) -> None:
    (tables / "many.csv").write_text("text,label\n" + "".join(f"text {i},{i}\n" for i in range(30)))
    with pytest.warns(
        UserWarning, match="say problem='classes' if that is right, or problem='regression' if it is not"
    ):
        tm.read(tables / "many.csv")
    ran = run_cli("inspect", tables / "many.csv", "--backbone", "char_ngrams")
    assert "say --problem classes if that is right, or --problem regression if it is not" in ran.err


@pytest.mark.parametrize(
    "words, said",
    [
        (("fit", "D", "--group", "text", "--group=topic"), "--group was given twice, as 'text' and as 'topic'"),
        (("inspect", "D", "--label", "mood", "--label", "topic"), "--label was given twice, as 'mood' and as 'topic'"),
        (
            ("predict", "RUN", "D", "--out", "a.csv", "--out", "b.csv"),
            "--out was given twice, as 'a.csv' and as 'b.csv'",
        ),
        (("evaluate", "RUN", "D", "--seed", "1", "--seed", "2"), "--seed was given twice, as '1' and as '2'"),
        (("tune", "D", "--trials=2", "--trials=3"), "--trials was given twice, as '2' and as '3'"),
        (("cache", "--prune", "1GB", "--prune", "2GB"), "--prune was given twice, as '1GB' and as '2GB'"),
        (("fit", "--source", "a", "b", "D", "--few", "x", "--few", "y"), "--few was given twice, as 'x' and as 'y'"),
    ],
)
def test_an_option_given_twice_is_refused_with_both_values(
    words: tuple[str, ...], said: str, run_cli: Callable
) -> None:
    ran = run_cli(*words)
    assert (ran.code, said in ran.err) == (2, True), ran.err


def test_options_that_may_repeat_and_equal_values_pass(tables: Path, run_cli: Callable) -> None:
    ran = run_cli(
        "inspect", tables / "texts.csv", "--label", "mood", "--label=mood", "--backbone", "char_ngrams", "--json"
    )
    assert (ran.code, ran.json["classes"]) == (0, {"0": 6, "1": 6})
    ran = run_cli("fit", tables / "texts.csv", "--set", "C=1", "--set", "C=2", "--out", tables / "run")
    assert (ran.code, "--set C was given twice, as '1' and '2': leave one out" in ran.err) == (2, True)


def test_inspect_takes_what_stands_between_labels(tables: Path, run_cli: Callable) -> None:
    shown = ("inspect", tables / "texts.csv", "--label", "tags", "--backbone", "char_ngrams", "--json")
    ran = run_cli(*shown, "--problem", "multi-label", "--set", "separator=;")
    assert ran.json["classes"] == {"a": 6, "b": 12, "c": 6}
    ran = run_cli(*shown, "--set", "lr=1")
    assert (ran.code, "no setting 'lr'" in ran.err) == (2, True)


def test_pruning_needs_a_unit_and_says_what_went(
    tables: Path, run_cli: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRANSFERIUM_HOME", str(tables / "home"))
    run_cli("inspect", tables / "texts.csv", "--label", "mood", "--backbone", "char_ngrams")
    held = run_cli("cache", "--json").json["spaces"]
    ran = run_cli("cache", "--prune", "10")
    assert (ran.code, "has no unit" in ran.err, "write 10GB or 10MB" in ran.err) == (2, True, True)
    assert held[0]["name"] in ran.err
    assert run_cli("cache", "--json").json["spaces"] == held
    ran = run_cli("cache", "--prune", "1MB")
    assert "removed nothing" in ran.out
    ran = run_cli("cache", "--prune", "1KB")
    assert f"removed {held[0]['name']} (12 examples)" in ran.out
