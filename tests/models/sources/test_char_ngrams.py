"""Counts of character n-grams against plain Python, alone and in company, in torch and as a graph."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from transferium.data.domain import Domain
from transferium.data.samples import Items
from transferium.embedding.embed import Embedder
from transferium.models.catalogue import find_backbone
from transferium.models.preprocess import TextPreprocess
from transferium.models.sources.char_ngrams import CharNgrams

TEXTS = ["这个宾馆很好，服务也不错", "The hotel is bad, but the food is good.", "Плохой отель", "naïve 😀😀!", "a"]


def grams(text: str) -> dict[str, int]:
    """Every run of 1 to 4 characters of at most 6 bytes, and how often it is there."""
    found: dict[str, int] = {}
    for start in range(len(text)):
        for end in range(start + 1, min(start + 4, len(text)) + 1):
            if len((gram := text[start:end]).encode()) <= 6:
                found[gram] = found.get(gram, 0) + 1
    return found


def ids(text: str) -> torch.Tensor:
    return torch.tensor([[byte + 1 for byte in text.encode()]])


@pytest.mark.parametrize("text", TEXTS)
def test_every_gram_is_counted_in_a_feature_of_its_own(text: str) -> None:
    features = CharNgrams()(ids(text))[0].detach().numpy()
    counts = (features / np.abs(features[features != 0]).min()) ** 2
    expected = grams(text)
    # Up to collisions: two grams in one of 4,096 places.
    assert abs(int((features != 0).sum()) - len(expected)) <= 2
    assert np.abs(counts).max() == pytest.approx(max(expected.values()), abs=1.01)


def test_likeness_is_that_of_the_grams() -> None:
    first, second = "好的酒店很好", "坏的酒店不好"
    one, two = (grams(text) for text in (first, second))
    shared = sum(math.sqrt(one[gram] * two[gram]) for gram in one.keys() & two.keys())
    expected = shared / math.sqrt(sum(one.values()) * sum(two.values()))
    module = CharNgrams()
    assert float((module(ids(first)) * module(ids(second))).sum().detach()) == pytest.approx(expected, abs=1e-5)


def test_padding_changes_nothing() -> None:
    module = CharNgrams()
    rows = torch.nn.utils.rnn.pad_sequence([ids(text)[0] for text in TEXTS], batch_first=True)
    together = module(rows, (rows > 0).long())
    for text, row in zip(TEXTS, together, strict=True):
        assert torch.equal(module(ids(text))[0], row)


def test_the_tokenizer_gives_bytes_and_tells_no_case() -> None:
    preprocess = find_backbone("char_ngrams", "text").preprocess
    assert preprocess(["Ｈi 心"]) == [[byte + 1 for byte in "hi 心".encode()]]
    assert preprocess.unknown_share(TEXTS) == 0.0


def test_the_graph_gives_what_torch_gives() -> None:
    domain = Domain(Items(TEXTS), "text", [str(i) for i in range(len(TEXTS))])
    backbone = find_backbone("char_ngrams", "text")
    features = [Embedder(None, engine=engine)(domain, backbone)[0].features for engine in ("onnx", "torch")]
    np.testing.assert_allclose(*features, atol=1e-6)


def test_pieces_that_a_vocabulary_lacks_are_counted() -> None:
    preprocess = find_backbone("all_minilm_l6_v2", "text").preprocess
    assert isinstance(preprocess, TextPreprocess)
    assert preprocess.unknown_share(["A plain English sentence, awsome tho!"]) == 0.0
    assert preprocess.unknown_share(["你好吗朋友"]) > 0.3
    assert preprocess.unknown_share([]) == 0.0
