import numpy as np
import pytest

from transferium.training.order import Order


def epoch(order, number):
    start = number * order.batches_per_epoch
    return [order.at(start + i)[1] for i in range(order.batches_per_epoch)]


@pytest.mark.parametrize("lengths", [None, list(np.random.default_rng(0).integers(1, 90, 103))])
def test_every_row_comes_once_an_epoch_and_epochs_differ(lengths):
    order = Order(103, 10, seed=3, lengths=lengths)
    first, second = epoch(order, 0), epoch(order, 1)
    assert sorted(np.concatenate(first)) == list(range(103))
    assert sorted(np.concatenate(second)) == list(range(103))
    assert not np.array_equal(np.concatenate(first), np.concatenate(second))


def test_a_position_is_one_number():
    forwards, jumping = Order(50, 7, seed=1), Order(50, 7, seed=1)
    walked = [forwards.at(step) for step in range(40)]
    for step in (39, 3, 17, 0):
        assert jumping.at(step)[0] == walked[step][0]
        assert np.array_equal(jumping.at(step)[1], walked[step][1])
    assert not np.array_equal(Order(50, 7, seed=2).at(0)[1], walked[0][1])


@pytest.mark.parametrize(
    ("n", "size", "smallest", "full", "sizes"),
    [
        (9, 4, 1, False, [4, 4, 1]),
        (9, 4, 2, False, [4, 4]),
        (10, 4, 2, False, [4, 4, 2]),
        (10, 4, 1, True, [4, 4]),
        (8, 4, 2, False, [4, 4]),
        (3, 8, 2, False, [3]),
    ],
)
def test_a_last_batch_is_dropped_only_where_it_must_be(n, size, smallest, full, sizes):
    order = Order(n, size, 0, smallest=smallest, full=full)
    assert [len(b) for b in epoch(order, 0)] == sizes == [len(b) for b in epoch(order, 5)]


def test_buckets_hold_rows_of_like_length():
    lengths = np.random.default_rng(1).integers(1, 500, 1000)
    spread = [np.ptp(lengths[b]) for b in epoch(Order(1000, 10, 0, lengths=lengths), 0)]
    unsorted = [np.ptp(lengths[b]) for b in epoch(Order(1000, 10, 0), 0)]
    assert np.mean(spread) < np.mean(unsorted) / 10
