"""Laws of every change of a text, what single ones do, and functions that rewrite texts."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from transferium.data.domain import Domain
from transferium.data.samples import Items
from transferium.embedding.embed import Embedder
from transferium.errors import InputError
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.task import Task
from transferium.models.preprocess import TextPreprocess
from transferium.models.sources.wrapped import wrap_module
from transferium.problems.classes import Classes
from transferium.training.augment.recipe import TEXTS
from transferium.training.augment.rewriting import Rewritten
from transferium.training.augment.texts import TextAugment, find_text_augment, mask_token
from transferium.training.feeds.feeds import Feeds
from transferium.training.feeds.texts import TextFeed
from transferium.training.preview import contact_of

TEXT = "the quick brown fox, which nobody had seen before, jumps over eleven lazy dogs near the river bank today."
CHANGING = [name for name in [*TEXTS.presets, *TEXTS.changes] if TEXTS.read(name)]
WORDS = ["[UNK]", "[PAD]", "good", "bad", "film", "plot", "a", "the", "very", "so"]


def views(recipe, text=TEXT, n=50, mask=None):
    change = TextAugment(TEXTS.read(recipe), mask)
    return [change(text, 0, epoch, 7) for epoch in range(n)]


@pytest.fixture
def tokenizer(tmp_path):
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

    words = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.add_special_tokens([AddedToken("[MASK]", special=True)])
    path = tmp_path / "tokenizer.json"
    words.save(str(path))
    return TextPreprocess(path, 16, pad_id=1)


def reviews(n=24, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    items = [" ".join(["a", ["bad", "good"][label], *rng.choice(WORDS[4:], rng.integers(3, 8))]) for label in y]
    return Domain(Items(items), "text", [f"t{i}" for i in range(n)], y, Classes(("bad", "good")), name="reviews")


@pytest.mark.parametrize("recipe", CHANGING)
def test_a_change_is_a_pure_function_of_seed_epoch_and_row(recipe):
    change = find_text_augment(recipe)
    assert change(TEXT, 1, 2, 3) == change(TEXT, 1, 2, 3)
    for moved in ((2, 2, 3), (1, 3, 3), (1, 2, 4)):
        assert any(change(TEXT, 1, 2 + k, 3) != change(TEXT, moved[0], moved[1] + k, moved[2]) for k in range(0, 20, 2))


@pytest.mark.parametrize("recipe", CHANGING)
@pytest.mark.parametrize("text", ["", "  ", "word", "a b", "\n a  b\n", "好电影", "!", "é"])
def test_small_texts_keep_something(recipe, text):
    for epoch in range(40):
        for mask in (None, "[MASK]"):
            seen = TextAugment(TEXTS.read(recipe), mask)(text, 0, epoch, 0)
            assert bool(seen.strip()) == bool(text.strip()), (seen, text)


@pytest.mark.parametrize("name", TEXTS.changes)
def test_almost_nothing_of_a_change_is_the_text_itself(name):
    assert set(views(f"{name}:1e-9", mask="[MASK]")) == {TEXT}
    assert find_text_augment(f"{name}:0") is None


def test_names_that_mean_no_change_of_texts():
    assert all(find_text_augment(name) is None for name in ("none", "auto", "simple"))
    with pytest.raises(
        InputError, match=r"augment='crop\+flip' is for images, and these are texts. Choose from 'auto', 'd"
    ):
        find_text_augment("crop+flip")


def test_presets_differ_from_each_other():
    seen = {name: views(name) for name in ("light", "eda", "medium", "strong")}
    assert all(a != b for a, b in itertools.combinations(seen.values(), 2))


def test_swapping_keeps_every_word():
    words = TEXT.split()
    seen = views("swap:0.3")
    assert all(sorted(text.split()) == sorted(words) for text in seen)
    moved = np.mean([sum(a != b for a, b in zip(text.split(), words, strict=True)) for text in seen])
    assert 0.3 * len(words) < moved < 0.7 * len(words), "0.3 n swaps move a little under 0.6 n words"
    assert all(len(text) == len(TEXT) for text in seen)


def test_letters_slip_in_texts_without_spaces():
    change = TextAugment({"letters": 0.2})
    seen = {change("这部电影的节奏很好", 0, epoch, 0) for epoch in range(20)}
    assert len(seen) > 10 and change("好 影", 0, 1, 0) == "好 影", "words of one letter are left alone"


def test_deleting_loses_the_share_that_was_named_and_keeps_the_order():
    words = TEXT.split()
    left = [text.split() for text in views("delete:0.25", n=300)]
    for kept in left:
        rest = iter(words)
        assert all(word in rest for word in kept), "a subsequence"
    assert np.mean([len(kept) for kept in left]) == pytest.approx(0.75 * len(words), abs=0.4)


def test_slips_of_letters_stay_within_their_words_and_their_alphabet():
    words = TEXT.split()
    for text in views("letters:0.1"):
        slipped = text.split()
        assert len(slipped) == len(words) and set(text) <= set(TEXT)
        assert all(abs(len(a) - len(b)) <= len(b) for a, b in zip(slipped, words, strict=True))
    changed = np.mean([sum(a != b for a, b in zip(t.split(), words, strict=True)) for t in views("letters:0.1")])
    expected = sum(1 - 0.9 ** len(word) for word in words)
    assert 0.7 * expected < changed < 1.1 * expected


def test_a_span_is_one_run_that_becomes_one_mask_or_nothing():
    words = TEXT.split()
    for seen, mask in ((views("span:0.3", mask="<mask>"), "<mask>"), (views("span:0.3"), None)):
        lengths = []
        for text in seen:
            made = text.split()
            start = next((i for i, (a, b) in enumerate(zip(made, words, strict=False)) if a != b), len(made))
            hidden = len(words) - len(made) + (mask is not None and mask in made)
            end = start + hidden
            assert made == words[:start] + ([mask] if mask and hidden else []) + words[end:], text
            lengths.append(hidden)
        assert np.mean(lengths) == pytest.approx(0.3 * len(words), abs=1)


def test_a_language_without_spaces_has_words_too():
    text = "这部电影真的非常好看"
    assert {len(t) for t in views("swap:0.5", text)} == {len(text)}
    assert len(set(views("swap:0.5", text))) > 10
    assert 4 < np.mean([len(t) for t in views("delete:0.3", text, n=200)]) < 9
    assert any("[MASK]" in t for t in views("span:0.4", text, mask="[MASK]"))


def test_the_mask_is_the_tokenizers_own(tokenizer, tmp_path):
    assert mask_token(tokenizer.tokenizer) == "[MASK]" and mask_token(None) is None
    saved = json.loads(tokenizer.tokenizer.read_text())
    bare = tmp_path / "bare.json"
    bare.write_text(json.dumps(saved | {"added_tokens": []}))
    assert mask_token(bare) is None
    assert tokenizer(["a [MASK] film"])[0] == [6, len(WORDS), 4], "it is read as one token"


def test_batches_hold_the_changed_texts(tokenizer):
    domain = reviews()
    feed = Feeds(tokenizer, augment="strong", seed=5).open(domain, augmented=True)
    rows = np.array([3, 0, 9])
    ids, mask = feed.batch(2, rows).inputs
    expected = tokenizer(
        [find_text_augment("strong", tokenizer.tokenizer)(domain.samples.raw(r), 5, 2, r) for r in rows]
    )
    assert [row[: int(m.sum())].tolist() for row, m in zip(ids, mask, strict=True)] == expected
    assert feed.lengths == [len(row) for row in tokenizer([domain.samples.raw(i) for i in range(24)])]
    assert not all(torch.equal(ids, feed.batch(epoch, rows).inputs[0]) for epoch in (3, 4))
    plain = Feeds(tokenizer, augment="strong").open(domain, augmented=False)
    assert type(plain) is TextFeed is type(Feeds(tokenizer, augment="auto").open(domain, augmented=True))


class TextNet(nn.Module):
    """The mean of word vectors."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(len(WORDS) + 1, 6)
        self.top = nn.Linear(6, 5)

    def forward(self, ids, mask):
        weight = mask[..., None].float()
        return self.top((self.words(ids) * weight).sum(1) / weight.sum(1).clamp(min=1))


def task(tokenizer, **change):
    torch.manual_seed(0)
    torch.set_num_threads(1)
    backbone = wrap_module(TextNet(), "text", tokenizer)
    return Task(reviews(40), None, backbone, Embedder(None, engine="torch"), 0, **change)


def fit(tokenizer, augment, **change):
    return FineTune(epochs=2, batch_size=8, lr=0.01, augment=augment).fit(task(tokenizer, **change))


def test_fine_tuning_on_changed_texts(tokenizer):
    plain, auto, simple, strong = (fit(tokenizer, name).history for name in ("none", "auto", "simple", "strong"))
    assert [r["task"] for r in plain] == [r["task"] for r in auto] == [r["task"] for r in simple]
    assert [r["task"] for r in plain] != [r["task"] for r in strong]
    assert [r["task"] for r in strong] == [r["task"] for r in fit(tokenizer, "strong").history]
    with pytest.raises(InputError, match="is for images, and these are texts"):
        fit(tokenizer, "flip")


class Dice:
    """Answers differently each time it is asked."""

    def __init__(self):
        self.asked = itertools.count()
        self.calls = []

    def __call__(self, texts):
        n = next(self.asked)
        self.calls.append(len(texts))
        return [f"{text} {WORDS[4 + n % 6]}" for text in texts]


def test_a_function_is_asked_once_and_its_texts_take_turns_with_the_originals(tokenizer):
    dice, domain = Dice(), reviews()
    feed = Feeds(tokenizer, augment=Rewritten(dice, views=2, share=0.5)).open(domain, augmented=True)
    assert dice.calls == [24, 24]
    seen = [feed.text(epoch, row) for epoch in range(40) for row in range(24)]
    originals = [domain.samples.raw(row) for _ in range(40) for row in range(24)]
    share = np.mean([a == b for a, b in zip(seen, originals, strict=True)])
    assert share == pytest.approx(0.5, abs=0.06)
    assert {new.removeprefix(old) for new, old in zip(seen, originals, strict=True)} == {"", " film", " plot"}
    ids, mask = feed.batch(1, np.array([4])).inputs
    assert ids[0, : int(mask.sum())].tolist() == tokenizer([feed.text(1, 4)])[0]
    assert dice.calls == [24, 24]


def test_a_share_of_nothing_is_no_augmentation_and_of_one_is_the_new_texts_alone(tokenizer):
    domain, rows = reviews(), np.arange(24)
    plain = Feeds(tokenizer).open(domain, augmented=True)
    never, always = (
        Feeds(tokenizer, augment=Rewritten(lambda texts: ["so bad"] * len(texts), share=share)).open(
            domain, augmented=True
        )
        for share in (0.0, 1.0)
    )
    assert torch.equal(never.batch(0, rows).inputs[0], plain.batch(0, rows).inputs[0])
    assert always.batch(0, rows).inputs[0].tolist() == [[9, 3]] * 24


class StoppedError(Exception):
    """Stands for whatever ends a process."""


def test_an_interrupted_run_reads_the_same_rewritten_texts(tokenizer, tmp_path):
    dice, folder = Dice(), tmp_path / "state"

    def halt(_name, done, _total):
        if done == 5:
            raise StoppedError

    with pytest.raises(StoppedError):
        fit(tokenizer, dice, workdir=folder, checkpoint_steps=1, progress=halt)
    resumed = fit(tokenizer, dice, workdir=folder, checkpoint_steps=1)
    assert dice.calls == [32], "asked once, of the examples that are trained on"
    whole = fit(tokenizer, Dice())  # the first answer of a fresh one is the same
    assert [r["task"] for r in resumed.history] == [r["task"] for r in whole.history]
    assert torch.equal(torch.from_numpy(resumed.head.weight), torch.from_numpy(whole.head.weight))
    next(folder.glob("rewritten-*.json")).unlink()
    with pytest.raises(InputError, match=r"cannot be resumed: augment .*Dice [0-9a-f]{16} .*Dice [0-9a-f]{16}"):
        fit(tokenizer, dice, workdir=folder, checkpoint_steps=1)


def test_of_two_that_ask_at_once_the_first_is_believed(tokenizer, tmp_path):
    domain, dice = reviews(), Dice()

    def slow(texts):
        # Another process with the same function finishes while this one is being asked.
        if not list(tmp_path.glob("rewritten-*.json")) and not dice.calls:
            dice(texts)
            Feeds(tokenizer, augment=slow, state=tmp_path).open(domain, augmented=True)
            return ["late"] * len(texts)
        return dice(texts)

    feed = Feeds(tokenizer, augment=slow, state=tmp_path).open(domain, augmented=True)
    assert all(text.endswith(" plot") for text in feed.texts[1])
    assert not list(tmp_path.glob("*.tmp"))


def test_a_stage_says_the_function_and_what_it_made(tokenizer):
    domain = reviews()

    def shout(texts):
        return [text.upper() for text in texts]

    said = Feeds(tokenizer, augment=shout).describe([domain])
    name, digest = said.split()
    assert name.endswith("shout") and len(digest) == 16
    assert Feeds(tokenizer, augment=shout).describe([domain]) == said
    assert Feeds(tokenizer, augment=shout).describe([reviews(seed=1)]) != said
    assert FineTune(augment=shout).to_json()["augment"] == name
    json.dumps(FineTune(augment=Rewritten(shout, views=3)).to_json())


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda texts: texts[1:], r"was given 24 texts and must give as many back, in order; it gave 23"),
        (" ".join, r"must give as many back, in order; it gave 'a "),
        (lambda texts: None, r"it gave None"),
        (lambda texts: [3] * len(texts), r"must give texts; it gave 3 \(int\)"),
    ],
)
def test_what_a_function_must_give_back(tokenizer, function, message):
    with pytest.raises(InputError, match=message):
        Feeds(tokenizer, augment=function).open(reviews(), augmented=True)


def test_an_empty_answer_leaves_the_text_as_it_was(tokenizer):
    feed = Feeds(tokenizer, augment=lambda texts: [" "] * len(texts)).open(reviews(), augmented=True)
    assert feed.texts[1] == feed.texts[0]


def test_settings_of_a_rewriting():
    with pytest.raises(InputError, match=r"views is how often .* at least 1; it was 0"):
        Rewritten(str.upper, views=0)
    with pytest.raises(InputError, match="share is a probability from 0 to 1; it was 2"):
        Rewritten(str.upper, share=2)


def test_a_contact_of_texts(tokenizer):
    domain = reviews()
    contact = contact_of(Feeds(tokenizer, augment="swap+delete", seed=2), domain, count=3, versions=2)
    assert contact.recipe == "swap+delete = swap:0.1+delete:0.1" and contact.kind == "text"
    change = find_text_augment("swap+delete")
    for example in contact.examples:
        row = list(domain.ids).index(example.id)
        assert example.original == domain.samples.raw(row)
        assert example.versions == [change(example.original, 2, epoch, row) for epoch in range(2)]
    assert contact_of(Feeds(tokenizer, augment="auto"), domain) is None
    assert contact_of(Feeds(tokenizer, augment="auto"), replace(domain, name="x")) is None
