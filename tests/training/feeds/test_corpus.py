"""A corpus as blocks and pairs: nothing of it is lost, and labels are true."""

from pathlib import Path

import numpy as np
import pytest

from transferium.training.feeds.corpus import BlockFeed, Blocks, PairFeed, Special, Tokens

SPECIAL = Special(1, 2, 0)


def corpus(documents: list[list[int]]) -> Tokens:
    """Documents of sentences of these lengths; every token is another number."""
    lengths = [n for document in documents for n in document]
    ends = np.cumsum([0, *map(len, documents)])
    ids = np.arange(100, 100 + sum(lengths), dtype=np.int32)
    return Tokens(ids, np.cumsum([0, *lengths]), ends, np.linspace(0, 1, len(documents)))


TOKENS = corpus([[4, 3, 5, 2], [30], [6, 6], [3, 3, 3, 3, 3, 3]])


def test_blocks_hold_every_token_once_and_end_with_their_document() -> None:
    bounds = TOKENS.blocks(10)
    whole = np.concatenate([Blocks(TOKENS, bounds).raw(i) for i in range(len(bounds))])
    np.testing.assert_array_equal(whole, TOKENS.ids)
    assert (bounds[:, 3] - bounds[:, 2]).max() == 10
    assert bounds[:, 4].tolist() == [0, 0, 1, 1, 1, 2, 2, 3, 3]


def test_a_batch_is_padded_between_its_marks() -> None:
    feed = BlockFeed(Blocks(TOKENS, TOKENS.blocks(10)), SPECIAL, 0)
    ids, mask = feed.batch(0, np.array([0, 2])).inputs
    assert ids.tolist()[0] == [1, *range(100, 107), 2, 0, 0, 0]
    assert mask.sum(1).tolist() == [9, 12] == [feed.lengths[0], feed.lengths[2]]


def read(feed: PairFeed, epoch: int, row: int) -> tuple[list[int], list[int], int]:
    batch = feed.batch(epoch, np.array([row]))
    ids, mask, types = (x[0].tolist() for x in batch.inputs)
    ids = ids[: sum(mask)]
    assert ids[0] == 1 and ids[-1] == 2 and ids.count(2) == 2
    at = types.index(1)
    return ids[1 : at - 1], ids[at:-1], int(batch.labels[0])


def pairs(task: str) -> PairFeed:
    bounds = TOKENS.blocks(12)
    return PairFeed(Blocks(TOKENS, bounds[bounds[:, 1] - bounds[:, 0] > 1]), SPECIAL, 0, task)


def document_of(segment: list[int]) -> int:
    sentence = np.searchsorted(TOKENS.sentences, segment[0] - 100, side="right") - 1
    return int(np.searchsorted(TOKENS.documents, sentence, side="right") - 1)


@pytest.mark.parametrize("task", ["nsp", "same-document", "sop"])
def test_the_label_of_a_pair_is_true(task: str) -> None:
    feed, labels = pairs(task), []
    for epoch in range(40):
        for row in range(len(feed)):
            a, b, label = read(feed, epoch, row)
            labels.append(label)
            assert len(a) + len(b) <= 12 and a and b
            if task == "sop":
                assert (b[0] == a[-1] + 1) != bool(label) and (a[0] == b[-1] + 1) == bool(label)
            else:
                assert (document_of(a) == document_of(b)) != bool(label)
            if task == "nsp" and not label:
                assert b[0] == a[-1] + 1
    assert 0.3 < np.mean(labels) < 0.7


@pytest.mark.parametrize("task", ["nsp", "same-document"])
def test_lengths_do_not_tell_the_label(task: str) -> None:
    draw = np.random.default_rng(0)
    tokens = corpus([draw.integers(3, 30, draw.integers(3, 40)).tolist() for _ in range(60)])
    bounds = tokens.blocks(64)
    feed = PairFeed(Blocks(tokens, bounds[bounds[:, 1] - bounds[:, 0] > 1]), SPECIAL, 0, task)
    batches = [feed.batch(epoch, np.arange(len(feed))) for epoch in range(4)]
    lengths = np.concatenate([batch.inputs[1].sum(1).numpy() for batch in batches])
    labels = np.concatenate([batch.labels.numpy() for batch in batches if batch.labels is not None])
    short, full = ([np.mean(found[labels == label]) for label in (0, 1)] for found in (lengths < 45, lengths > 66))
    assert abs(short[0] - short[1]) < 0.04 and abs(full[0] - full[1]) < 0.04


def test_a_batch_is_a_function_of_its_numbers() -> None:
    feed = pairs("nsp")
    assert read(feed, 3, 1) == read(pairs("nsp"), 3, 1)
    assert len({str(read(feed, epoch, 1)) for epoch in range(9)}) > 3


def test_a_corpus_on_disk_is_the_one_in_memory(tmp_path: Path) -> None:
    TOKENS.ids.tofile(tmp_path / "ids.bin")
    for name in ("sentences", "documents", "draws"):
        np.save(tmp_path / f"{name}.npy", getattr(TOKENS, name))
    np.testing.assert_array_equal(Tokens.load(tmp_path).blocks(9), TOKENS.blocks(9))
