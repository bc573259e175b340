"""A frozen prefix that is run once: the same training, and nothing of the prefix is computed twice."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from transferium.data.domain import Domain
from transferium.data.samples import Items
from transferium.embedding.embed import Embedder
from transferium.embedding.store.store import FeatureStore
from transferium.errors import InputError, TransferiumWarning
from transferium.methods.finetuning.adversarial_training import Adversarial
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.finetuning.gradual import GradualUnfreeze
from transferium.methods.finetuning.lp_ft import LPFT
from transferium.methods.finetuning.prefix_cache import cached_prefix
from transferium.methods.regularised.bss import BSS
from transferium.methods.regularised.delta import DELTA
from transferium.methods.regularised.l2_sp import L2SPTuning
from transferium.methods.regularised.lwf import LwF
from transferium.methods.task import Task
from transferium.models.preprocess import TextPreprocess
from transferium.models.sources.wrapped import wrap_module
from transferium.models.surgery.cut import Cut
from transferium.objectives.mixing import Mixed
from transferium.objectives.supervised import Supervised
from transferium.problems.classes import Classes
from transferium.training.feeds.activations import CachedFeeds
from transferium.training.feeds.feeds import Feeds
from worlds.toy import PICTURE, PictureNet, picture_backbone, pictures, same, weights

SHORT = {"epochs": 3, "batch_size": 8, "lr": 0.01, "augment": "none", "optimiser": "sgd"}
WORDS = ("[UNK]", "[PAD]", "a", "bad", "good", *"bcdefgh")


class Reader(nn.Module):
    """Word vectors, two layers that look at the neighbours, and a mean over what is not padding."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(len(WORDS), 8)
        self.layers = nn.ModuleList(Layer() for _ in "ab")
        self.top = nn.Linear(8, 5)

    def forward(self, ids, mask):
        x = self.words(ids)
        for layer in self.layers:
            x = layer(x, mask)
        return self.top((x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True).clamp(min=1))


class Layer(nn.Module):
    """Each word and the mean of all words, under dropout."""

    def __init__(self):
        super().__init__()
        self.own, self.all, self.drop = nn.Linear(8, 8), nn.Linear(8, 8), nn.Dropout(0.2)

    def forward(self, x, mask):
        mean = (x * mask[..., None]).sum(1, keepdim=True) / mask.sum(1)[:, None, None].clamp(min=1)
        return self.drop((self.own(x) + self.all(mean)).tanh())


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    path = tmp_path_factory.mktemp("words") / "tokenizer.json"
    words.save(str(path))
    return TextPreprocess(path, 16, pad_id=1)


def reviews(n=40, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    items = [" ".join(["a", WORDS[3 + label], *rng.choice(WORDS[5:], rng.integers(1, 9))]) for label in y]
    return Domain(Items(items), "text", [f"t{i}" for i in range(n)], y, Classes(("bad", "good")), name="reviews")


def task(store=None, **change):
    torch.set_num_threads(1)
    embedder = Embedder(store, engine="torch")
    return Task(pictures(40), None, picture_backbone(), embedder, 0, **change)


def text_task(tokenizer, store=None, **change):
    torch.manual_seed(0)
    torch.set_num_threads(1)
    backbone = replace(wrap_module(Reader(), "text", tokenizer), blocks=("words", "layers.0", "layers.1", "top"))
    return Task(reviews(), None, backbone, Embedder(store, engine="torch"), 0, **change)


def left(fitted):
    return weights(fitted.backbone.build()) | {"head": torch.from_numpy(fitted.head.weight)}


def furthest(a, b):
    return max(float((a[name].double() - b[name].double()).abs().max()) for name in a)


def losses(fitted):
    return np.array([row["val_log_loss"] for row in fitted.history if "val_log_loss" in row])


@pytest.fixture
def runs(monkeypatch):
    """How many rows went through a prefix, and in how many passes."""
    count = []
    prefix = Cut.prefix

    def counted(self, *inputs):
        count.append(len(inputs[0]))
        return prefix(self, *inputs)

    monkeypatch.setattr(Cut, "prefix", counted)
    return count


METHODS = [
    FineTune(unfreeze=2, **SHORT),
    FineTune(unfreeze=1, batch_norm="batch", average="ema", **SHORT),
    FineTune(unfreeze=2, batch_norm="batch", average="swa", accumulate=2, **SHORT),
    FineTune(unfreeze="none", **SHORT | {"lr": 1e-4}),
    FineTune(unfreeze="body,top", label_smoothing=0.1, **SHORT),
    LPFT(unfreeze=2, **SHORT),
    L2SPTuning(unfreeze=2, **SHORT),
    DELTA(unfreeze=2, alpha=0.5, **SHORT),
    LwF(unfreeze=2, keep="features", **SHORT),
    BSS(unfreeze=2, **SHORT),
    GradualUnfreeze(unfreeze=2, **SHORT),
]
every = pytest.mark.parametrize("method", METHODS, ids=lambda m: f"{m.name}-{m.unfreeze}-{m.average}")


@every
def test_with_the_cache_it_is_the_same_training(method):
    plain = replace(method, cache="off").fit(task())
    full = replace(method, cache="on", cache_precision="full").fit(task())
    half = replace(method, cache="on").fit(task())
    assert furthest(left(plain), left(full)) < 1e-5
    assert np.allclose(losses(plain), losses(full), atol=1e-6)
    # A half has 11 bits: activations are off by 2.4e-4 of their size at most.
    assert furthest(left(plain), left(half)) < 5e-3
    assert np.allclose(losses(plain), losses(half), atol=2e-3)
    assert plain.selection.chosen == full.selection.chosen
    assert "kept as float16" in half.selection.notes[-1] and "kept as" not in str(plain.selection.notes)


@every
def test_what_is_frozen_is_bit_identical(method):
    given = task()
    before, fitted = weights(given.backbone.build()), replace(method, cache="on").fit(given)
    after = weights(fitted.backbone.build())
    assert before.keys() == after.keys()
    moved = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    expected = {"none": set(), "1": {"top"}}.get(str(method.unfreeze), {"body", "top"})
    assert moved == expected


def test_the_prefix_runs_once_for_each_example(runs):
    FineTune(unfreeze=2, **SHORT).fit(task())
    assert runs == [2, 1, 32, 8], "the probes, the training part and the held-out part"


def test_texts_travel_with_their_masks_and_lengths(tokenizer, runs):
    for unfreeze in (3, 2, "none"):
        rate = {"lr": FineTune.lr} if unfreeze == "none" else {}  # nothing else than the head moves then
        method = FineTune(unfreeze=unfreeze, **SHORT | rate)
        plain = replace(method, cache="off").fit(text_task(tokenizer))
        assert not runs
        full = replace(method, cache="on", cache_precision="full").fit(text_task(tokenizer))
        half = method.fit(text_task(tokenizer))
        assert runs, "auto is on where texts are not changed"
        runs.clear()
        assert furthest(left(plain), left(full)) < 1e-5
        assert furthest(left(plain), left(half)) < 5e-3


def test_augmented_views_are_those_of_the_first_epochs():
    method = FineTune(unfreeze=2, **SHORT | {"augment": "simple"})
    plain = replace(method, cache="off").fit(task())
    every_epoch = replace(method, views=3, cache_precision="full").fit(task())
    assert furthest(left(plain), left(every_epoch)) < 1e-5
    fewer = replace(method, views=2, cache_precision="full").fit(task())
    assert furthest(left(plain), left(fewer)) > 1e-5
    terms = [[row["task"] for row in fitted.history if row["epoch"] < 2] for fitted in (plain, fewer)]
    assert terms[0] == pytest.approx(terms[1], abs=1e-5)


def test_views_take_turns():
    method = FineTune(unfreeze=2, views=2, **SHORT | {"augment": "simple"})
    given = task()
    setup = cached_prefix(method, method.setup(given), 2)
    feed = setup.feeds.open(setup.parts.train, augmented=True)
    rows = np.array([3, 1, 4])
    seen = [feed.batch(epoch, rows).inputs[0] for epoch in range(4)]
    assert torch.equal(seen[0], seen[2]) and torch.equal(seen[1], seen[3]) and not torch.equal(seen[0], seen[1])
    held = setup.feeds.open(setup.parts.held, augmented=False)
    assert torch.equal(held.batch(0, rows).inputs[0], held.batch(1, rows).inputs[0])


def test_pictures_are_decoded_once_for_all_views(monkeypatch):
    opened, read = [], Feeds._open

    def counted(self, domain, augmented):
        opened.append((len(domain), augmented))
        return read(self, domain, augmented)

    monkeypatch.setattr(Feeds, "_open", counted)
    method = FineTune(unfreeze=2, views=3, **SHORT | {"augment": "simple"})
    setup = cached_prefix(method, method.setup(task()), 2)
    setup.feeds.open(setup.parts.train, augmented=True)
    assert opened.count((len(setup.parts.train), True)) == 1


def test_what_is_stored_is_not_computed_again(tmp_path, runs):
    store, method = FeatureStore(tmp_path), FineTune(unfreeze=2, **SHORT)
    first = method.fit(task(store))
    assert sum(runs) >= 40
    runs.clear()
    again = method.fit(task(store))
    assert runs == [2, 1], "only the probes"
    assert same(left(first), left(again)) and first.history == again.history
    runs.clear()
    replace(method, unfreeze=1).fit(task(store))
    assert sum(runs) >= 40, "another cut has other activations"
    names = {space["name"] for space in store.spaces()}
    assert {f"{task().backbone.name} up to {block}" for block in ("body", "top")} <= names


def test_killed_while_it_embeds_it_goes_on_and_ends_the_same(tmp_path, runs, monkeypatch, tokenizer):
    monkeypatch.setattr("transferium.training.feeds.activations.AT_ONCE", 4)
    for make in (task, lambda store=None, **k: text_task(tokenizer, store, **k)):
        method = FineTune(unfreeze=2, views=0, **SHORT)
        expected = method.fit(make(FeatureStore(tmp_path / f"whole {make.__name__}")))
        store = FeatureStore(tmp_path / f"cut short {make.__name__}")

        def halt(what, done, _total):
            if what.startswith("activations") and done >= 20:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            method.fit(make(store, progress=halt))
        runs.clear()
        again = method.fit(make(store))
        assert 20 <= sum(runs) - 3 <= 24, "the probes, and what was not stored"
        assert same(left(again), left(expected)) and again.history == expected.history


def test_the_size_is_shown_before_anything_is_computed():
    said = []
    FineTune(unfreeze=2, **SHORT).fit(task(progress=lambda what, done, total: said.append((what, done))))
    # 40 examples of 6 x 8 x 8 halves.
    assert next(word for word in said if word[0].startswith("act")) == ("activations before body, 30.7 kB", 32)


def test_above_the_limit_it_says_what_it_takes(runs):
    message = (
        r"activations before body take 30.7 kB, and cache_limit is 30kB: cut later \(unfreeze fewer blocks\), "
        r"take a smaller input \(size\), or raise cache_limit"
    )
    method = FineTune(unfreeze=2, cache_limit="30kB", **SHORT)
    with pytest.raises(InputError, match=message + ", or give cache=off"):
        replace(method, cache="on").fit(task())
    with pytest.warns(TransferiumWarning, match=message + ". This run goes on without a cache"):
        fitted = method.fit(task())
    assert same(left(fitted), left(replace(method, cache="off", cache_limit="2GB").fit(task())))
    with pytest.raises(InputError, match=r"take 79.9 kB, .* or fewer views than 3"):
        replace(method, augment="simple", views=3).fit(task())
    with pytest.raises(InputError, match=r"or half precision"):
        replace(method, cache="on", cache_precision="full", cache_limit="50kB").fit(task())


def test_auto_does_without_where_it_would_change_the_training(runs):
    for method in (
        FineTune(**SHORT),
        FineTune(unfreeze="norm", **SHORT),
        FineTune(unfreeze=2, **SHORT | {"augment": "simple"}),
        FineTune(unfreeze=2, mixup=0.2, **SHORT),
        FineTune(unfreeze=2, cache="off", **SHORT),
        Adversarial(unfreeze=2, **SHORT),
    ):
        assert same(left(method.fit(task())), left(replace(method, cache="off", cache_limit="2GB").fit(task())))
    assert not runs


class Skip(PictureNet):
    """What the stem gives reaches the top too."""

    def forward(self, x):
        low = self.stem(x)
        return self.top(self.body(low.relu()).mean(dim=(2, 3))) + low.mean()


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (FineTune(cache="on", **SHORT), r"cache=on, .* cannot be cached: with unfreeze=all nothing at the input side"),
        (FineTune(cache="on", unfreeze=2), r"augment=auto shows it other inputs in every epoch; .* as in views=4"),
        (FineTune(cache="on", unfreeze=2, mixup=0.2, **SHORT), r"mixup and CutMix mix the inputs themselves"),
        (FineTune(views=2, unfreeze=3), r"views=2, but the prefix cannot be cached: with unfreeze=3 nothing"),
        (FineTune(views=2, unfreeze=2, **SHORT), r"views=2 of each example, but augment=none changes none"),
        (Adversarial(cache="on", unfreeze=2, **SHORT), r"the adversary moves the inputs themselves"),
    ],
)
def test_on_says_why_not(method, message):
    with pytest.raises(InputError, match=message):
        method.fit(task())


def test_a_network_that_does_not_come_apart_is_trained_whole():
    torch.manual_seed(0)
    skip = replace(wrap_module(Skip(), "image", PICTURE), blocks=("stem", "body", "top"))
    given, method = replace(task(), backbone=skip), FineTune(unfreeze=2, **SHORT)
    assert same(left(method.fit(given)), left(replace(method, cache="off").fit(given)))
    with pytest.raises(InputError, match=r"more than what body is called with reaches the layers after it"):
        replace(method, cache="on").fit(given)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cache": "onn"}, r"cache cannot be 'onn'. Did you mean 'on'"),
        ({"cache_precision": "bf16"}, r"cache_precision cannot be 'bf16'. Choose from 'full', 'half'"),
        ({"views": -1}, r"views must be 0 or more; it was -1"),
        ({"cache_limit": "much"}, r"'much' is not a size"),
        ({"views": 2, "cache": "off"}, r"views=2 are stored views of a cached prefix, and cache=off"),
    ],
)
def test_settings_that_cannot_work_are_named(settings, message):
    with pytest.raises(InputError, match=message):
        FineTune(**settings)


def test_a_loss_that_changes_inputs_is_refused_activations():
    method = FineTune(unfreeze=2, **SHORT)
    setup = cached_prefix(method, method.setup(task()), 2)
    loss = 0.5 * (Supervised() + Mixed(Supervised(), "target", 2, mixup=0.2))
    with pytest.raises(InputError, match=r"changes the inputs themselves, .* cache=off"):
        method._stage(setup, method._groups(setup), loss, around=[])


class Loud(PictureNet):
    """Activations that a half cannot hold."""

    def forward(self, x):
        return self.top(self.body((1e6 * self.stem(x)).relu()).mean(dim=(2, 3)) / 1e6)


def test_what_a_half_cannot_hold_is_said():
    torch.manual_seed(0)
    loud = replace(wrap_module(Loud(), "image", PICTURE), blocks=("stem", "body", "top"))
    method = FineTune(unfreeze=2, cache="on", **SHORT)
    with pytest.raises(InputError, match=r"activations before body reach .* too large for half precision: give cache_"):
        method.fit(replace(task(), backbone=loud))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        replace(method, cache_precision="full").fit(replace(task(), backbone=loud))


def test_workers_change_nothing():
    method = FineTune(unfreeze=2, **SHORT)
    setup = cached_prefix(method, method.setup(task()), 2)
    assert isinstance(setup.feeds, CachedFeeds) and setup.feeds.stored
    assert same(left(method.fit(task())), left(replace(method, workers=1).fit(task())))
