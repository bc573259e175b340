import numpy as np
import pytest

from transferium.training.feeds.order import Order


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


def test_streams_that_are_read_together_are_shuffled_apart_and_the_first_as_alone():
    first, second = Order(60, 20, 3), Order(60, 20, 3, stream=1)
    # What a stream that is alone draws is known by seed and epoch: recorded runs can be repeated.
    rows = np.random.default_rng([3, 2]).permutation(60)
    assert {tuple(batch) for batch in epoch(first, 2)} == {tuple(rows[i : i + 20]) for i in (0, 20, 40)}
    # Two domains sorted by class: the shares of the classes in their batches say nothing of each other.
    labels = np.repeat([0, 1], 30)
    shares = [[labels[rows].mean() for n in range(40) for rows in epoch(o, n)] for o in (first, second)]
    assert abs(np.corrcoef(*shares)[0, 1]) < 0.3


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


RARE = np.repeat([0, 1, 2], [70, 28, 5])


@pytest.mark.parametrize("lengths", [None, list(np.random.default_rng(0).integers(1, 90, 103))])
def test_a_balanced_epoch_is_as_long_and_draws_classes_equally(lengths):
    order = Order(103, 10, seed=3, lengths=lengths, labels=RARE)
    assert order.batches_per_epoch == Order(103, 10, seed=3, lengths=lengths).batches_per_epoch == 11
    for number in range(4):
        rows = np.concatenate(epoch(order, number))
        counts = np.bincount(RARE[rows])
        assert counts.sum() == 103 and counts.max() - counts.min() <= 1
        often = np.bincount(rows, minlength=103)
        assert often[:70].max() == 1 and set(often[70:98]) == {1, 2} and set(often[98:]) <= {6, 7}
    assert not np.array_equal(np.concatenate(epoch(order, 0)), np.concatenate(epoch(order, 1)))


def test_balanced_batches_hold_classes_alike_on_average_and_every_row_comes_in_time():
    order = Order(103, 10, seed=0, labels=RARE)
    shares = np.mean(
        [np.bincount(RARE[b], minlength=3) / len(b) for number in range(60) for b in epoch(order, number)], 0
    )
    assert shares == pytest.approx([1 / 3] * 3, abs=0.02)
    assert len(np.unique(np.concatenate([b for number in range(20) for b in epoch(order, number)]))) == 103


def test_a_balanced_position_is_one_number_and_a_row_that_comes_again_is_seen_anew():
    forwards, jumping = (Order(103, 10, seed=1, labels=RARE) for _ in range(2))
    walked = [forwards.at(step) for step in range(40)]
    for step in (39, 3, 17, 0):
        assert jumping.at(step)[0] == walked[step][0] == step
        assert np.array_equal(jumping.at(step)[1], walked[step][1])
    assert Order(103, 10, seed=1).at(17)[0] == 1


def test_a_class_nobody_has_and_more_classes_than_rows_are_no_trouble():
    gap = Order(6, 6, 0, labels=np.array([0, 0, 0, 0, 0, 2]))
    assert sorted(np.bincount(gap.labels[gap.at(0)[1]])) == [0, 3, 3]
    assert sorted(Order(3, 3, 0, labels=np.array([0, 1, 2])).at(0)[1]) == [0, 1, 2]


def test_no_two_stages_of_any_seeds_draw_the_same():
    alone = Order(60, 60, 5)
    assert np.array_equal(Order(60, 60, 5, stage=0).at(2)[1], alone.at(2)[1])
    drawn = [Order(60, 60, seed, stream=stream, stage=stage).at(step)[1]
             for seed in (0, 1, 2) for stage in (0, 1, 2) for stream in (0, 1) for step in (0, 1, 2)]  # fmt: skip
    assert len({rows.tobytes() for rows in drawn}) == len(drawn)
    first, second = ([Order(60, 60, 0, stage=k).at(step)[0] for step in range(3)] for k in (0, 1))
    assert first == [0, 1, 2] and not set(first) & set(second), "augmentation is drawn by these numbers"
