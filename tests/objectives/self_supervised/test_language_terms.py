"""Masked language modelling and pairs of segments: equal to transformers' own losses, and masks as BERT draws them."""

import numpy as np
import pytest
import torch
import transformers

from transferium.errors import InputError
from transferium.models.sources.language_models import language_model, put_together
from transferium.objectives.self_supervised.denoised_texts import DenoisedTexts
from transferium.objectives.self_supervised.masked_language_model import MaskedLanguageModel
from transferium.objectives.self_supervised.sentence_pairs import SentencePairs
from transferium.training.feeds.batch import Batch
from transferium.training.loop.view import View

SIZE, MASK = 60, 4
SPECIAL = torch.arange(SIZE) < 5
CONTINUES = torch.arange(SIZE) >= 40
SMALL = {"vocab_size": SIZE, "num_attention_heads": 2, "pad_token_id": 0}
BERT = {"hidden_size": 16, "num_hidden_layers": 2, "intermediate_size": 32}
CONFIGS = {
    "bert": lambda: transformers.BertConfig(**SMALL, **BERT),
    "roberta": lambda: transformers.RobertaConfig(**SMALL, **BERT),
    "distilbert": lambda: transformers.DistilBertConfig(vocab_size=SIZE, dim=16, n_heads=2, n_layers=1, hidden_dim=32),
}


def batch(n: int = 6, length: int = 20, labels: torch.Tensor | None = None) -> Batch:
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(5, SIZE, (n, length), generator=generator)
    mask = torch.ones_like(ids)
    mask[0, 12:] = mask[1, 5:] = 0
    ids[mask == 0] = 0
    ids[:, 0] = 2
    return Batch((ids, mask), labels, torch.arange(n))


def masked(**settings: object) -> MaskedLanguageModel:
    return MaskedLanguageModel(MASK, SPECIAL, CONTINUES, **settings)


@pytest.mark.parametrize("name", CONFIGS)
@torch.no_grad()
def test_the_loss_is_that_of_transformers_on_the_same_batch(name: str) -> None:
    torch.manual_seed(0)
    whole = transformers.AutoModelForMaskedLM.from_config(CONFIGS[name]()).eval()
    given, term = batch(), masked()
    torch.manual_seed(3)
    changed, chosen = term.draw(*given.inputs)
    labels = given.inputs[0].masked_fill(~chosen, -100)
    theirs = whole(input_ids=changed, attention_mask=given.inputs[1], labels=labels).loss
    model = language_model(whole)
    torch.manual_seed(3)
    ours = term(View(model, {"corpus": given}))["mlm"]
    assert abs(float(ours) - float(theirs)) < 1e-5
    again = put_together(model)(input_ids=changed, attention_mask=given.inputs[1], labels=labels).loss
    assert float(again) == float(theirs)


@pytest.mark.parametrize("noise", ["deletion", "infilling"])
def test_what_is_left_of_a_text_stands_in_its_order(noise: str) -> None:
    term = DenoisedTexts(MASK, SPECIAL, CONTINUES, rate=0.5, noise=noise)
    ids, mask = batch(40, 30).inputs
    left, told = term.noisy(ids, mask)
    share = []
    for at in range(len(ids)):
        before, after = ids[at, mask[at] == 1], left[at, told[at] == 1]
        kept, rest = after[after != MASK].tolist(), iter(before.tolist())
        assert kept[0] == 2 and all(token in rest for token in kept)
        assert (noise == "deletion") == (MASK not in after.tolist())
        share.append((len(before) - len(kept)) / (len(before) - 1))
    assert 0.4 < np.mean(share) < 0.6
    assert not (told.diff(dim=1) > 0).any()


@torch.no_grad()
def test_the_loss_of_a_denoised_text_is_a_mean_over_its_tokens() -> None:
    torch.manual_seed(0)
    model = language_model(transformers.AutoModelForMaskedLM.from_config(CONFIGS["bert"]()).eval())
    given, term = batch(3), DenoisedTexts(MASK, SPECIAL, CONTINUES)
    torch.manual_seed(3)
    left, told = term.noisy(*given.inputs)
    torch.manual_seed(3)
    ours = float(term(View(model, {"corpus": given}))["dae"])
    costs = []
    for row, kept, ids, mask in zip(left, told, *given.inputs, strict=True):
        tokens = model.backbone(row[None, kept == 1], kept[None, kept == 1])[0]
        known = model.head(tokens.mean(0, keepdim=True)).log_softmax(-1)[0]
        costs += [-float(known[i]) for i in ids[mask == 1] if not SPECIAL[i]]
    assert ours == pytest.approx(np.mean(costs), abs=1e-5)


@torch.no_grad()
def test_pairs_lose_what_bert_loses() -> None:
    torch.manual_seed(0)
    bert = transformers.BertForNextSentencePrediction(transformers.BertConfig(**SMALL, **BERT)).eval()
    labels = torch.tensor([0, 1, 1, 0, 1, 0])
    given = batch(labels=labels)
    term = SentencePairs(16)
    term.pooler.load_state_dict(bert.bert.pooler.dense.state_dict())
    term.decide.load_state_dict(bert.cls.seq_relationship.state_dict())
    want = bert(input_ids=given.inputs[0], attention_mask=given.inputs[1], labels=labels)
    whole = transformers.BertForMaskedLM(bert.config).eval()
    whole.bert.load_state_dict(bert.bert.state_dict(), strict=False)
    measured = term.measures(View(language_model(whole), {"corpus": given}))
    assert abs(float(measured["nsp"].mean()) - float(want.loss)) < 1e-5
    assert measured["nsp accuracy"].mean() == (want.logits.argmax(1) == labels).float().mean()


def test_both_read_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    model = language_model(transformers.BertForMaskedLM(CONFIGS["bert"]()).eval())
    passes: list[int] = []
    model.backbone.register_forward_hook(lambda *_: passes.append(1))
    term = masked(beside=SentencePairs(16, "sop"))
    terms = term(View(model, {"corpus": batch(labels=torch.zeros(6, dtype=torch.int64))}))
    assert (list(terms), len(passes)) == (["mlm", "sop"], 1)


@pytest.mark.parametrize("unit", ["token", "word", "span"])
def test_masks_are_drawn_as_often_as_asked_and_anew(unit: str) -> None:
    torch.manual_seed(0)
    ids = torch.randint(5, SIZE, (3000, 60))
    ids[:, 0], ids[:, -1] = 2, 3
    term = masked(unit=unit)
    changed, chosen = term.draw(ids, torch.ones_like(ids))
    inside = chosen[:, 1:-1]
    # A first span may be longer than its share.
    assert abs(float(inside.float().mean()) - 0.15) < (0.02 if unit == "span" else 0.006)
    if unit == "token":
        assert (chosen.sum(1) == round(0.15 * 58)).all()
    assert not chosen[:, 0].any() and not chosen[:, -1].any()
    became = changed[chosen], ids[chosen]
    hidden, kept = float((became[0] == MASK).float().mean()), float((became[0] == became[1]).float().mean())
    assert abs(hidden - 0.8) < 0.03 and abs(kept - 0.1) < 0.03
    assert torch.equal(changed[~chosen], ids[~chosen])
    assert not torch.equal(term.draw(ids, torch.ones_like(ids))[1], chosen)


def test_a_word_is_masked_whole_and_a_span_is_longer() -> None:
    torch.manual_seed(0)
    ids = torch.randint(5, SIZE, (200, 60))
    _, chosen = masked(unit="word").draw(ids, torch.ones_like(ids))
    goes_on = CONTINUES[ids[:, 1:]]
    assert torch.equal(chosen[:, 1:][goes_on], chosen[:, :-1][goes_on])

    def runs(unit: str) -> float:
        rows = masked(unit=unit).draw(ids, torch.ones_like(ids))[1].numpy()
        ends = np.diff(np.pad(rows, ((0, 0), (1, 1))).astype(int), axis=1)
        return rows.sum() / (ends == 1).sum()

    assert runs("span") > 3
    assert runs("token") < 2


def test_every_text_has_a_masked_token() -> None:
    torch.manual_seed(0)
    ids = torch.tensor([[2, 7, 3]] * 50)
    assert (masked(rate=0.01).draw(ids, torch.ones_like(ids))[1].sum(1) == 1).all()


@torch.no_grad()
def test_a_batch_without_anything_to_guess_costs_nothing() -> None:
    model = language_model(transformers.BertForMaskedLM(CONFIGS["bert"]()).eval())
    ids = torch.full((2, 3), 2)
    given = Batch((ids, torch.ones_like(ids)), None, torch.arange(2))
    assert float(masked()(View(model, {"corpus": given}))["mlm"]) == 0


def test_a_unit_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match=r"there is no unit of masking 'words'\. Did you mean 'word'"):
        masked(unit="words")
