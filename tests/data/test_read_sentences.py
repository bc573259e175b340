"""Sentences are read from files of words and tags, from tables, and from memory; what is wrong with one is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import transferium as tm
from transferium.data.sentences.sentence import Sentence
from transferium.errors import DataError, InputError, TransferiumWarning
from transferium.functional.sequences.tag_sequences import spans_of

WORDS = ["Anna", "Lee", "saw", "Rome", "."]
TAGS = ["B-person", "I-person", "O", "B-place", "O"]
TEXT = " ".join(WORDS)
SPANS = [{"start": 0, "end": 8, "label": "person"}, {"start": 13, "end": 17, "label": "place"}]
FILE = "\n".join(f"{w}\t{t}" for w, t in zip(WORDS, TAGS, strict=True)) + "\n\nNothing\tO\n"


def written(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def check(domain: Any) -> None:
    assert domain.kind == "sentence" and domain.posed.names == ("person", "place")
    assert spans_of(domain.y[0]) == [(0, 2, 0), (3, 4, 1)]
    assert domain.samples.raw(0).words == tuple(WORDS)


@pytest.mark.parametrize("name", ["a.conll", "a.bio", "a.iob", "a.txt"])
def test_a_file_of_words_and_tags(tmp_path: Path, name: str) -> None:
    domain = tm.read(written(tmp_path, name, FILE), problem="entities")
    check(domain)
    assert len(domain) == 2 and domain.y[1].tolist() == [0]


def test_a_conll_file_needs_no_problem_to_be_named(tmp_path: Path) -> None:
    check(tm.read(written(tmp_path, "a.conll", FILE)))
    with pytest.raises(InputError, match="of which the words have labels, and problem='classes' was asked for"):
        tm.read(tmp_path / "a.conll", problem="classes")


def test_four_columns_documents_and_remarks(tmp_path: Path) -> None:
    """As CoNLL 2003 has them: the word first, the tag last, blanks between."""
    text = "-DOCSTART- -X- -X- O\n\n# a remark\nAnna NNP B-NP B-person\nLee NNP I-NP I-person\nsaw VB O O\n"
    text += "Rome NNP B-NP B-place\n. . O O\n"
    domain = tm.read(written(tmp_path, "a.conll", text))
    check(domain)
    assert len(domain) == 1


def test_the_schemes_mean_the_same(tmp_path: Path) -> None:
    bioes = ["B-person", "E-person", "O", "S-place", "O"]
    check(tm.read([WORDS], label=[bioes], problem="entities"))
    with pytest.warns(TransferiumWarning, match=r"2 entities in .* begin with I- and not B-"):
        check(tm.read([WORDS], label=[["I-person", "I-person", "O", "I-place", "O"]], problem="entities"))


def test_spans_of_texts_and_tables_of_words(tmp_path: Path) -> None:
    rows = [{"text": TEXT, "spans": SPANS}, {"text": "Nothing", "spans": []}]
    lines = "\n".join(map(json.dumps, rows))
    check(tm.read(written(tmp_path, "a.jsonl", lines), problem="entities"))
    doccano = json.dumps({"text": TEXT, "label": [[0, 8, "person"], [13, 17, "place"]]})
    check(tm.read(rows, problem="entities"))
    check(tm.read([json.loads(doccano)], problem="entities"))
    check(tm.read({"tokens": [WORDS], "ner_tags": [TAGS]}))
    csv = "text,spans\n" + f'"{TEXT}","' + json.dumps(SPANS).replace('"', '""') + '"\n'
    check(tm.read(written(tmp_path, "a.csv", csv), problem="entities"))


def test_a_hugging_face_table_names_its_tags(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    names = ["O", "B-person", "I-person", "B-place", "I-place"]
    features = {"tokens": {}, "ner_tags": {"feature": {"names": names, "_type": "ClassLabel"}, "_type": "Sequence"}}
    table = pa.table({"tokens": [WORDS], "ner_tags": [[names.index(tag) for tag in TAGS]]})
    told = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    parquet.write_table(told, tmp_path / "a.parquet")
    check(tm.read(tmp_path / "a.parquet"))
    parquet.write_table(table, tmp_path / "b.parquet")
    with pytest.raises(DataError, match=r"the tag 1: a tag is O outside .* Numbers mean nothing without their names"):
        tm.read(tmp_path / "b.parquet")


def test_a_folder_of_parts(tmp_path: Path) -> None:
    for name in ("train.txt", "dev.txt", "test.txt"):
        written(tmp_path, name, FILE)
    written(tmp_path, "README.txt", "what this is")
    domain = tm.read(tmp_path, problem="entities")
    assert domain.parts is not None and np.unique(domain.parts).tolist() == ["test", "train", "val"]
    assert domain.ids[0] == "train/0"


def test_a_file_without_tags_has_no_labels(tmp_path: Path) -> None:
    domain = tm.read(written(tmp_path, "a.conll", "Anna\nsaw\n\nRome\n"))
    assert domain.labels is None and [len(domain.samples.raw(i)) for i in range(2)] == [2, 1]


def test_words_may_hold_blanks_and_spans_may_cut_words() -> None:
    domain = tm.read([["New York", "is"]], label=[["B-place", "O"]], problem="entities")
    assert domain.samples.raw(0).place(0, 1) == (0, 8)
    with pytest.warns(TransferiumWarning, match="1 spans in .* begin or end inside of a word"):
        domain = tm.read(["Romeo"], label=[[{"start": 0, "end": 4, "label": "x"}]], problem="entities")
    assert domain.y[0].tolist() == [1]


def test_sentences_with_nothing_in_them_are_put_aside() -> None:
    from transferium.data.doctor.scan import scan

    scanned = scan(tm.read([["so", "it"], [], [" "]], kind="sentence"))
    assert scanned.problems == {1: "empty sentence", 2: "empty sentence"} and scanned.keys[1] == ""


def test_other_words_are_other_content() -> None:
    """Words that are cut otherwise give other features, whatever the text."""
    from transferium.data.doctor.scan import scan

    keys = scan(tm.read([["New York"], ["New", "York"]], kind="sentence")).keys
    assert keys[0] != keys[1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Anna\tB-person\nsaw\n", "has a tag on some lines and none on others"),
        ("\tO\n", r"line 1: there is a tag \('O'\) and no word before it"),
        ("Anna\tperson\n", r"row 1 \(counted from 1\), holds the tag 'person': a tag is O outside of entities"),
        ("\n\n", "has no sentence"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        tm.read(written(tmp_path, "a.conll", text))


def test_a_file_in_another_encoding_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.conll").write_bytes("Jos\xe9\tO\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"a\.conll is not UTF-8"):
        tm.read(tmp_path / "a.conll")


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (["O"], "has 1 tags for 5 words"),
        ([{"start": 0, "end": 99, "label": "x"}], "start and end are whole numbers, from 0 to the 20 signs"),
        ([{"start": 4, "end": 5, "label": "x"}], "in which there is no word"),
        ([{"start": 0, "end": 8, "label": "x"}, {"start": 5, "end": 8, "label": "y"}], "spans over one another"),
        ([{"start": 0, "end": 8}], "without 'label': give start, end and label"),
        ("[1", "which is no list in JSON"),
    ],
)
def test_what_is_wrong_with_labels_is_said(label: Any, message: str) -> None:
    text = "Anna Lee saw Rome ."
    with pytest.raises(DataError, match=message.replace("20 signs", "19 signs")):
        tm.read([text], label=[label], problem="entities")


def test_a_text_is_cut_into_words() -> None:
    assert Sentence.of_text("@you: it's 3.5€ in São Paulo").words == (
        *("@", "you", ":", "it", "'", "s", "3", ".", "5", "€", "in", "São", "Paulo"),
    )
