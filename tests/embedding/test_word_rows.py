"""Words get the mean of their tokens; long sentences are read in windows, and features are kept in the store."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import transferium as tm
from transferium.data.sentences.sentence import Sentence
from transferium.embedding.embed import Embedder
from transferium.embedding.store.store import FeatureStore
from transferium.errors import BackboneError, InputError
from transferium.models.catalogue import find_backbone
from transferium.models.word_preprocess import WordPreprocess

SENTENCES = [["Anna", "lives", "in", "Wolverhamptonians", "."], ["Rome"], ["so", "", "it"]]


def words(sentences: list[list[str]], **settings: int) -> np.ndarray:
    backbone = find_backbone(None, "sentence", **settings)
    return Embedder(None)(tm.read(sentences, kind="sentence"), backbone)[0].features


def test_each_word_has_a_row_whatever_its_neighbours() -> None:
    together = words(SENTENCES)
    assert [one.shape for one in together] == [(5, 384), (1, 384), (3, 384)]
    for i, sentence in enumerate(SENTENCES):
        np.testing.assert_array_equal(words([sentence])[0], together[i])
    assert not together[2][1].any(), "an empty word has no token"


def test_a_word_is_the_mean_of_its_tokens() -> None:
    import torch

    backbone = find_backbone(None, "sentence")
    assert isinstance(backbone.preprocess, WordPreprocess) and backbone.output == "tokens"
    (window,) = backbone.preprocess.windows([Sentence.of_words(SENTENCES[0])])[0]
    assert (window.words == 3).sum() > 1, "a long word has several tokens"
    with torch.inference_mode():
        tokens = backbone.build()(torch.from_numpy(window.ids)[None])[0].numpy()
    expected = np.stack([tokens[window.words == i].mean(axis=0) for i in range(5)])
    np.testing.assert_allclose(words(SENTENCES)[0], expected, atol=1e-4)


def test_sentences_longer_than_the_model_are_read_in_windows() -> None:
    long = [f"word{i}" for i in range(60)]
    backbone = find_backbone(None, "sentence", max_length=32)
    assert isinstance(backbone.preprocess, WordPreprocess)
    windows = backbone.preprocess.windows([Sentence.of_words(long)])[0]
    assert len(windows) > 2 and all(len(window.ids) <= 32 for window in windows)
    answered = np.concatenate([window.words[window.words >= 0] for window in windows])
    whole = find_backbone(None, "sentence").preprocess
    assert isinstance(whole, WordPreprocess)
    tokens = whole.windows([Sentence.of_words(long)])[0][0].words
    assert np.unique(answered).tolist() == list(range(60)), "every word is answered"
    assert len(answered) == (tokens >= 0).sum(), "each by one window"
    found = words([long], max_length=32)[0]
    assert found.shape == (60, 384) and (np.abs(found).sum(axis=1) > 0).all()
    np.testing.assert_array_equal(words([long, ["so"]], max_length=32)[0], found)


def test_features_of_words_are_kept_in_the_store(tmp_path: Path) -> None:
    domain, backbone = tm.read(SENTENCES, kind="sentence"), find_backbone(None, "sentence")
    first = Embedder(FeatureStore(tmp_path))(domain, backbone)[0]
    again = Embedder(FeatureStore(tmp_path))(domain, backbone)[0]
    assert (first.computed, again.computed, again.reused) == (3, 0, 3)
    for one, other in zip(first.features, again.features, strict=True):
        np.testing.assert_array_equal(one, other)


def test_random_weights_are_those_of_torch() -> None:
    import torch

    from transferium.models.catalogue import randomised

    backbone = randomised(find_backbone(None, "sentence"))
    found = Embedder(None)(tm.read([["Rome"]], kind="sentence"), backbone)[0].features[0]
    assert isinstance(backbone.preprocess, WordPreprocess)
    ids = backbone.preprocess.read("Rome")
    with torch.inference_mode():
        tokens = backbone.build()(torch.from_numpy(ids)[None])[0].numpy()
    np.testing.assert_allclose(found[0], tokens[1], atol=1e-3)


def test_what_gives_no_row_for_a_word_is_said() -> None:
    with pytest.raises(BackboneError, match="char_ngrams gives one row for a whole text and none for each word"):
        find_backbone("char_ngrams", "sentence")
    with pytest.raises(InputError, match=r"reads text examples; .* was given"):
        Embedder(None)(tm.read([["so"]], kind="sentence"), find_backbone(None, "text"))


def test_what_a_saved_model_says_of_its_network_gives_a_row_for_each_token(tmp_path: Path) -> None:
    import torch

    from transferium.models.sources.architectures import architecture_of
    from worlds.bert import saved_text

    saved_text(tmp_path)
    backbone = find_backbone(tmp_path, "sentence")
    assert backbone.architecture is not None
    built = architecture_of(backbone.architecture)
    built.load_state_dict(backbone.build().state_dict())
    ids = torch.tensor([[2, 4, 5, 3]])
    with torch.inference_mode():
        torch.testing.assert_close(built.eval()(ids), backbone.build()(ids))
    assert built(ids).shape == (1, 4, backbone.width)
