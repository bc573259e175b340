"""The cloze: what a masked language model says at a slot, beside a slow version with transformers alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from tokenizers import Tokenizer

import transferium as tm
from transferium.embedding.embed import Embedder
from transferium.errors import BackboneError, InputError
from transferium.evaluation.references import probe_on
from transferium.functional.linear_classifier import softmax
from transferium.methods.task import Task
from transferium.methods.zero_shot.zero_shot import ZeroShot
from transferium.models.catalogue import find_backbone
from transferium.models.prompting.cloze_backbone import cloze_backbone
from transferium.models.prompting.pattern import Speller
from transferium.models.sources.transformers_models import quiet
from transferium.models.sources.wrapped import randomised
from worlds.bert import saved_language_model, saved_text, sayings

TEMPLATES = ("{text} it was {mask}.", "a {mask} {text}")
SAID = {"dog": ["dog", "puppy"], "cat": ["cat"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mlm")
    saved_language_model(path)
    return path


def task(folder: Path, n: int = 6) -> Task:
    return Task(sayings(n, 0, "t"), None, find_backbone(str(folder), "text"), Embedder(None, engine="torch"), 0)


@torch.no_grad()
def slow_scores(folder: Path, text: str, template: str) -> list[float]:
    """With transformers' own model and tokenizer, one text, one word at a time."""
    model = transformers.AutoModelForMaskedLM.from_pretrained(folder).eval()
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
    scores = []
    for words in SAID.values():
        logs = []
        for word in words:
            pieces = tokenizer(word, add_special_tokens=False)["input_ids"]
            asked = template.replace("{text}", text).replace("{mask}", " ".join(["[MASK]"] * len(pieces)))
            ids = tokenizer(asked, return_tensors="pt")["input_ids"]
            slots = (ids[0] == tokenizer.convert_tokens_to_ids("[MASK]")).nonzero()[:, 0]
            said = model(input_ids=ids).logits[0, slots].log_softmax(-1)
            logs.append(np.mean([float(said[k, piece]) for k, piece in enumerate(pieces)]))
        scores.append(float(np.mean(logs)))
    return scores


def test_it_is_what_transformers_says(folder: Path) -> None:
    given = task(folder)
    fitted = ZeroShot(SAID, TEMPLATES).fit(given)
    seen = given.embed(given.train, fitted.backbone).features
    texts = [str(given.train.samples.raw(i)) for i in range(len(given.train))]
    expected = np.array([[slow_scores(folder, text, template) for template in TEMPLATES] for text in texts])
    np.testing.assert_allclose(seen.reshape(len(texts), 2, 2), expected, atol=1e-5)
    np.testing.assert_allclose(fitted.head.outputs(seen), softmax(expected.mean(axis=1)), atol=1e-5)
    assert np.ptp(expected, axis=0).min() > 1e-3 and abs(np.diff(expected.mean(axis=0))).max() > 0.1
    alone = [also.head.outputs(seen) for also in fitted.beside.values()]
    np.testing.assert_allclose(alone, softmax(expected.transpose(1, 0, 2)), atol=1e-5)
    assert any("'puppy' (2)" in note for note in fitted.selection.notes)


def test_texts_answer_alone_as_in_a_batch(folder: Path) -> None:
    net = cloze_backbone(find_backbone(str(folder), "text"), TEMPLATES, SAID).backbone.build()
    ids, mask = torch.tensor([[2, 4, 5, 7, 3], [2, 8, 3, 0, 0]]), torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    with torch.no_grad():
        together = net(ids, mask)
        assert torch.allclose(together, torch.cat([net(ids[:1]), net(ids[1:, :3])]), atol=1e-6)


def test_random_weights_have_the_head_too(folder: Path) -> None:
    given = find_backbone(str(folder), "text")
    first, again, other = (cloze_backbone(randomised(given, s), TEMPLATES, SAID).backbone for s in (0, 0, 1))
    assert first.fingerprint == again.fingerprint != other.fingerprint and not first.pretrained
    ids = torch.tensor([[2, 5, 3]])
    assert torch.equal(first.build()(ids), again.build()(ids))
    assert not torch.allclose(first.build()(ids), other.build()(ids))


def test_the_reference_without_transfer_asks_the_same_of_random_weights(folder: Path) -> None:
    given, method = task(folder), ZeroShot(SAID, TEMPLATES)
    outputs, _ = probe_on(given, randomised(given.backbone), given.train, method)
    assert (
        outputs.shape == (6, 2) and abs(outputs - probe_on(given, given.backbone, given.train, method)[0]).max() > 0.1
    )


def test_a_long_text_is_cut_and_the_pattern_is_not(folder: Path) -> None:
    made = cloze_backbone(find_backbone(str(folder), "text"), TEMPLATES[:1], SAID).backbone
    assert made.preprocess.max_length == 24 - 5  # it was [MASK] [MASK] .
    seen = task(folder).embed(tm.read(["dog " * 99], kind="text"), made)
    assert np.isfinite(seen.features).all()
    with pytest.raises(InputError, match=r"takes 22 of the 24 tokens .* no room for a text"):
        cloze_backbone(find_backbone(str(folder), "text"), ["{text} " + "it " * 20 + "{mask}"], SAID)


@pytest.mark.parametrize(
    "templates", [("{text} it was.", "{mask}: {text}"), ("it is {mask}",), ("{mask} {mask} {text}",)]
)
def test_a_template_without_its_places_is_refused(templates: Sequence[str]) -> None:
    with pytest.raises(InputError, match=r"a template has one \{text\}.*and one \{mask\}"):
        ZeroShot(SAID, tuple(templates))


def test_a_backbone_without_the_head_is_refused_by_name(folder: Path, tmp_path: Path) -> None:
    saved_language_model(tmp_path / "encoder", head=False)
    with pytest.raises(BackboneError, match=r"encoder has none.*holds the weights of an encoder alone"):
        ZeroShot(SAID, TEMPLATES).fit(task(tmp_path / "encoder"))
    bundled = find_backbone("char_ngrams", "text")
    with pytest.raises(BackboneError, match=r"char_ngrams has none: take a folder of transformers"):
        cloze_backbone(bundled, TEMPLATES, SAID)
    saved_text(tmp_path / "maskless")
    with pytest.raises(BackboneError, match=r"tokenizer of maskless has no token \[MASK\] or <mask>"):
        Speller(find_backbone(str(tmp_path / "maskless"), "text").preprocess, "maskless")


def test_words_that_the_vocabulary_lacks_are_refused(folder: Path) -> None:
    with pytest.raises(InputError, match=r"lacks a piece of the label word 'zebra'"):
        ZeroShot({"dog": "dog", "cat": "zebra"}, TEMPLATES).fit(task(folder))
    with pytest.raises(InputError, match=r"say nothing"):
        given = tm.read(["a dog", "a cat"], label=["0", "1"])
        ZeroShot(templates=TEMPLATES).check_data(given)


def saved_roberta(folder: Path) -> None:
    """A thin RoBERTa: pieces of bytes, blanks that belong to words, positions that are counted from the padding."""
    from tokenizers import AddedToken, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    corpus = ["a dog runs. it was a puppy", "the cat sleeps. it was", " dog cat dog cat it was it was"] * 3
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus, trainer)
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True)])
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    tokenizer.save(str(folder / "tokenizer.json"))
    torch.manual_seed(1)
    thin = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    config = transformers.RobertaConfig(
        **thin, vocab_size=len(tokenizer.get_vocab()), max_position_embeddings=42, initializer_range=0.5
    )
    with quiet():
        transformers.RobertaForMaskedLM(config).save_pretrained(folder)


@torch.no_grad()
def test_blanks_that_belong_to_words_and_padding_that_is_not_zero(tmp_path: Path) -> None:
    saved_roberta(tmp_path)
    template, words = "{text} it was {mask}.", {"dog": ["dog"], "other": ["zebra"]}
    cloze = cloze_backbone(find_backbone(tmp_path, "text"), [template], words)
    assert cloze.backbone.preprocess.pad_id == 1 and cloze.in_pieces["zebra"] > 1
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    model = transformers.AutoModelForMaskedLM.from_pretrained(tmp_path).eval()
    texts = ["a dog runs.", "cat sleeps and it was. a"]
    expected = []
    for text in texts:
        row = []
        for word in ("dog", "zebra"):
            told = tokenizer.encode(template.replace("{text}", text).replace("{mask}", word)).ids
            pieces = tokenizer.encode(f" {word}", add_special_tokens=False).ids
            at = len(told) - 2 - len(pieces)
            assert told[at:-2] == pieces
            asked = [*told[:at], *[tokenizer.token_to_id("<mask>")] * len(pieces), *told[-2:]]
            logs = model(torch.tensor([asked])).logits[0].log_softmax(-1)
            row.append(np.mean([float(logs[at + k, piece]) for k, piece in enumerate(pieces)]))
        expected.append(row)
    ids = [tokenizer.encode(text).ids for text in texts]
    padded = torch.tensor([[*row, *[1] * (max(map(len, ids)) - len(row))] for row in ids])
    np.testing.assert_allclose(cloze.backbone.build()(padded, (padded != 1).long()).numpy(), expected, atol=1e-5)
