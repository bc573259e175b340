"""Corpora: documents from every kind of file, and what is no text."""

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from transferium.data.corpora.documents import TextCorpus
from transferium.data.corpora.sentences import sentences
from transferium.data.readers import delimited
from transferium.errors import DataError

TEXTS = ["One text. It goes on.", "天气很好。我们走吧！", 'A "third" one, with a comma']


def test_every_kind_of_file_gives_the_same_documents(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\n\n".join(TEXTS), encoding="utf-8-sig")
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"id": i, "text": t}) + "\n" for i, t in enumerate(TEXTS)))
    (tmp_path / "a.csv").write_text("".join(f'"{t.replace(chr(34), chr(34) * 2)}"\n' for t in ["text", *TEXTS]))
    parquet.write_table(pa.table({"n": [1, 2, 3], "words": TEXTS}), tmp_path / "a.parquet")
    for path in tmp_path.iterdir():
        assert [text.strip() for text in TextCorpus(path)] == TEXTS, path.name
    (tmp_path / "._a.txt").write_bytes(b"left by a system\0")
    assert len(list(TextCorpus(tmp_path))) == 4 * len(TEXTS)


def test_a_document_is_what_stands_between_empty_lines_or_else_a_line(tmp_path: Path) -> None:
    (tmp_path / "gaps.txt").write_text("\n\none\ntwo\n \n\nthree\n")
    assert list(TextCorpus(tmp_path / "gaps.txt")) == ["one\ntwo\n", "three\n"]
    (tmp_path / "lines.txt").write_text("\none\ntwo\nthree\n\n")
    assert list(TextCorpus(tmp_path / "lines.txt")) == ["one\n", "two\n", "three\n"]


def test_a_document_without_end_is_cut(tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text("a\n\n" + "word " * 500_000 + "\n" + "line\n" * 300_000)
    sizes = [len(document) for document in TextCorpus(tmp_path / "long.txt")]
    assert max(sizes) < 2**21 and sum(sizes) > 3_999_990


def test_sentences_are_the_whole_text() -> None:
    for text in (*TEXTS, "No end", "Is it? Yes.\nA line\n", 'e.g. this… "Quoted." End'):
        assert "".join(sentences(text)) == text.rstrip() or "".join(sentences(text)) == text
    assert [len(sentences(text)) for text in TEXTS] == [2, 2, 1]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("zip.txt", gzip.compress(b"text", mtime=0), "is not UTF-8"),
        ("zero.txt", b"a\0b", "holds zero bytes: it is no text but a binary file"),
        ("a.jsonl", b"{}\n[1]\n", "which column of"),
        ("b.jsonl", b'{"text": "a"}\nno json\n', "line 2"),
        ("c.parquet", b"PAR1", "is no Parquet file"),
        ("d.csv", b"one,two\na,b\n", "which column of .* Name it by text="),
    ],
)
def test_what_is_no_text_is_said(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=said):
        list(TextCorpus(tmp_path / name))


def test_a_column_that_is_not_there_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("one,two\na,b\n")
    with pytest.raises(DataError, match=r"has no column 'tow'\. Did you mean 'two'"):
        list(TextCorpus(tmp_path / "a.csv", "tow"))
    texts: list[Any] = ["a", 3]
    with pytest.raises(DataError, match="one of its entries is a int"):
        TextCorpus(texts)


def test_a_table_of_texts_need_not_fit_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "_BLOCK", 1 << 16)
    (tmp_path / "a.csv").write_text("text,label\n" + "".join(f'"{i},\n{"word " * 100}",{i}\n' for i in range(16_000)))
    before, most, n = pa.total_allocated_bytes(), 0, 0
    for n, text in enumerate(TextCorpus(tmp_path / "a.csv"), start=1):
        assert text.startswith(f"{n - 1},\n")
        most = max(most, pa.total_allocated_bytes() - before) if n % 500 == 0 else most
    assert n == 16_000 and most < (tmp_path / "a.csv").stat().st_size / 3
    (tmp_path / "b.csv").write_text("text,label\n")
    assert list(TextCorpus(tmp_path / "b.csv", "text")) == []
