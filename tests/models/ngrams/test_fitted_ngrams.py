"""Fitted n-grams against scikit-learn, alone and in company, as torch, as a graph and in a saved model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer

import transferium as tm
from transferium.data.domain import Domain
from transferium.data.samples import Items
from transferium.embedding.embed import Embedder
from transferium.functional.sequences.ngrams import Vocabulary
from transferium.job.fit.prepare import prepare, separate, with_columns_of
from transferium.job.stopwatch import Stopwatch
from transferium.models.backbone import Backbone
from transferium.models.catalogue import find_backbone
from transferium.models.modality import preprocess_from_json
from transferium.models.ngrams import backbone_of_ngrams
from transferium.models.ngrams.weighed_counts import WeighedCounts
from transferium.models.of_pairs import of_one_side
from transferium.models.preprocess import TextPreprocess
from transferium.models.sources.architectures import architecture_of

WORDS = ("很好", "不错", "差", "房间", "服务", "hotel", "clean", "dirty", "film", "плохо", "Ｓtaff", "naïve")


def texts(n: int, seed: int = 0) -> list[str]:
    """Texts of six words each; their number makes each of them another."""
    rng = np.random.default_rng(seed)
    return [" ".join(rng.permutation(WORDS)[:6]) + f" {rng.integers(100, 999)}" for _ in range(n)]


def fitted_to(backbone: Backbone, *domains: Domain) -> Backbone:
    return Embedder(None).fitted(backbone, *domains)


def domain(texts: list[str]) -> Domain:
    return Domain(Items(texts), "text", [str(i) for i in range(len(texts))])


@pytest.fixture(scope="module")
def fitted() -> Backbone:
    return fitted_to(find_backbone("char_ngrams", "text"), domain(texts(260)))


def features(backbone: Backbone, some: list[str], engine: str = "onnx") -> np.ndarray:
    return Embedder(None, engine=engine)(domain(some), backbone)[0].features


def test_features_are_those_of_tf_idf(fitted: Backbone) -> None:
    """Of runs of characters in Chinese, where no word of four letters adds anything."""
    some = ["很好 房间", "不错 房间 房间", "差", "服务 很好"] * 60
    ours = features(fitted_to(find_backbone("char_ngrams", "text"), domain(some)), some[:4])
    theirs = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True).fit(some).transform(some[:4])
    np.testing.assert_allclose(ours @ ours.T, (theirs @ theirs.T).toarray(), atol=1e-5)


def test_the_graph_gives_what_torch_gives_alone_and_among_others(fitted: Backbone) -> None:
    some = [*texts(9, seed=1), "ξ", "很好"]
    graph = features(fitted, some)
    np.testing.assert_allclose(graph, features(fitted, some, "torch"), atol=1e-6)
    np.testing.assert_array_equal(graph[[3]], features(fitted, [some[3]]))
    assert fitted.width == graph.shape[1] == 2048 and not graph[9].any()  # nothing of it is known, and it is read


def test_an_empty_text_is_no_example(fitted: Backbone) -> None:
    seen = Embedder(None)(domain(["很好", ""]), fitted)[0]
    assert seen.ok.tolist() == [True, False]


def test_padding_changes_nothing(fitted: Backbone) -> None:
    read = fitted.preprocess
    assert isinstance(read, TextPreprocess)
    ids = [torch.tensor(row) for row in read(["很好 房间", "差", "the staff is naïve"])]
    module = WeighedCounts(torch.rand(fitted.width))
    rows = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True)
    lengths = torch.tensor([len(row) for row in ids])
    together = module(rows, (torch.arange(rows.shape[1]) < lengths[:, None]).long())
    for row, alone in zip(together, ids, strict=True):
        torch.testing.assert_close(module(alone[None])[0], row)


def test_few_texts_stay_hashed_and_many_count_fewer_ngrams(monkeypatch: pytest.MonkeyPatch) -> None:
    hashed = find_backbone("char_ngrams", "text")
    assert fitted_to(hashed, domain(texts(backbone_of_ngrams.FEWEST - 1))).fingerprint == hashed.fingerprint
    rng = np.random.default_rng(0)
    many = ["".join(map(chr, rng.integers(0x4E00, 0x9F00, 30))) for _ in range(250)]
    assert fitted_to(hashed, domain(many)).width == 8192
    monkeypatch.setattr(backbone_of_ngrams, "MOST", 250 * 5000)
    assert fitted_to(hashed, domain(many)).width == 4096


def test_it_is_known_by_its_content_and_described_as_plain_data(fitted: Backbone) -> None:
    hashed = find_backbone("char_ngrams", "text")
    again, other = (fitted_to(hashed, domain(some)) for some in (texts(260), texts(260, seed=5)))
    assert again.fingerprint == fitted.fingerprint != other.fingerprint
    assert fitted.preprocess is not None and hashed.preprocess is not None
    assert preprocess_from_json(fitted.preprocess.to_json()) != hashed.preprocess
    assert isinstance(hashed.preprocess, TextPreprocess)
    restored = preprocess_from_json(fitted.preprocess.to_json() | {"tokenizer": str(hashed.preprocess.tokenizer)})
    assert restored == fitted.preprocess and "vocabulary" not in hashed.preprocess.to_json()
    assert fitted_to(fitted, domain(texts(300, seed=9))) is fitted
    module = architecture_of(fitted.architecture or {})
    module.load_state_dict(fitted.build().state_dict())


def test_what_no_text_had_is_unknown(fitted: Backbone) -> None:
    read = fitted.preprocess
    assert isinstance(read, TextPreprocess)
    assert read.unknown_share(texts(20)) == 0.0 and read.unknown_share(["ξξ 很好"]) == 0.5


def test_of_equally_widespread_ngrams_the_shortest_is_first() -> None:
    found, _ = Vocabulary.fit(["abc"], room=4)
    assert found.grams == ("a", "b", "c", "ab")


def test_both_texts_of_pairs_are_counted() -> None:
    pair = find_backbone("char_ngrams", "pair")
    some = texts(240)
    pairs = tm.read([*zip(some[:120], some[120:], strict=True)], kind="pair")
    found = fitted_to(pair, pairs)
    assert found.kind == "pair" and found.width == 4 * 2048
    assert of_one_side(found).preprocess == fitted_to(find_backbone("char_ngrams", "text"), domain(some)).preprocess


def test_a_model_is_fitted_to_its_training_part_and_answers_alike_when_it_is_loaded(tmp_path: Path) -> None:
    some = texts(280)
    labels = ["+" if "很好" in text else "-" for text in some]
    model = tm.TransferClassifier(backbone="char_ngrams", store=False).fit(some, labels)
    assert model.artifact_.backbone.width == 2048
    model.save(tmp_path / "run")
    np.testing.assert_array_equal(tm.load(tmp_path / "run").predict_proba(some[:9]), model.predict_proba(some[:9]))
    assert model.score(some, labels) > 0.95


def test_labels_and_held_out_texts_do_not_reach_it() -> None:
    some, part, found = texts(300), ["train"] * 240 + ["test"] * 60, []
    for given, label in ((some, ["+", "-"]), ([*some[:240], *texts(60, seed=8)], ["-", "+"])):
        read = tm.read(given, label=label * 150, part=part)
        prepared = prepare(read, Embedder(None), find_backbone("char_ngrams", "text"), watch=Stopwatch())
        train = separate(prepared, seed=0).train
        found.append(with_columns_of(prepared, Embedder(None), train).backbone)
    assert found[0].width == 2048 and found[0].fingerprint == found[1].fingerprint


def test_longer_reading_is_kept_where_it_is_fitted() -> None:
    short = find_backbone("char_ngrams", "text", max_length=8)
    found = fitted_to(short, domain(texts(220)))
    assert isinstance(found.preprocess, TextPreprocess) and found.preprocess.max_length == 8
    assert replace(found.preprocess, max_length=99)(["hotel clean"]) != found.preprocess(["hotel clean"])
