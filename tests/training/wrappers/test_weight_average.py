"""Averages of weights: what they are, what is scored and kept, and that the model has its own in between."""

import numpy as np
import pytest
import torch

from transferium.objectives.supervised import Supervised
from transferium.training.distributed.machine import Machine
from transferium.training.loop.episode import Episode
from transferium.training.loop.optimiser import Optimiser
from transferium.training.loop.schedule import Schedule
from transferium.training.loop.stage import Stage
from transferium.training.run import run
from transferium.training.wrappers.batch_norm_statistics import refresh_statistics
from transferium.training.wrappers.keep_best import KeepBest, held_out_score
from transferium.training.wrappers.soup import Soup
from transferium.training.wrappers.weight_average import EMA, SWA
from worlds.toy import blobs, row_model, same, weights

HELD = blobs(60, 5)


class Walk:
    """Notes the model's own weights at each record, and at each look what is looked at."""

    def __init__(self, scores=None):
        self.name, self.live, self.seen = "walk", [], []
        self.given, self.real = None if scores is None else iter(scores), held_out_score(HELD)

    def score(self, episode):
        self.seen.append(weights(episode.stage.model))
        return self.real(episode) if self.given is None else {"log_loss": next(self.given), "accuracy": 0.5}

    def wrap(self, records, episode):
        for record in records:
            self.live.append(weights(episode.stage.model))
            yield record

    def memory(self):
        return {}, {}

    def recall(self, tensors, facts):
        pass


def trained(make, *, epochs=4, batch_norm=False, scores=None, keep_statistics=False, frozen=False, lr=0.05):
    """The model after training with ``make(score)``, a keeper; what was walked through; the keeper."""
    torch.set_num_threads(1)
    model, walk = row_model(batch_norm=batch_norm), Walk(scores)
    best = make(walk.score)
    around = [best, walk] if best.average is None else [best.average, best, walk]
    model.backbone.low.requires_grad_(not frozen)

    def stages():
        yield Stage(
            model, {"target": blobs(40)}, Supervised(), epochs=epochs, batch_size=10, around=around, lr=lr,
            optimiser=Optimiser("sgd"), schedule=Schedule("constant"), keep_statistics=keep_statistics, clip=None,
        )  # fmt: skip

    run(stages())
    return weights(model), walk, best


def keep(score, average=None, **options):
    return KeepBest(score, by="log_loss", average=average, **options)


def close(found, expected):
    return all(np.allclose(found[name].numpy(), value, atol=1e-6) for name, value in expected.items())


def test_ema_is_its_formula():
    start = weights(row_model(batch_norm=True))
    _, walk, best = trained(lambda score: keep(score, EMA(0.4)), batch_norm=True)
    average = {k: v.double().numpy() for k, v in start.items()}
    for t, live in enumerate(walk.live):
        decay = min(0.4, (1 + t) / (10 + t))
        for name, value in live.items():
            average[name] = decay * average[name] + (1 - decay) * value.double().numpy()
        if t % 4 == 3:
            floats = {k: v for k, v in average.items() if "num_batches" not in k}
            assert close(walk.seen[t // 4], floats)
    assert best.average.count == 16 and not best.average.weights, "nobody needs them any more"


@pytest.mark.parametrize("batch_norm", [False, True])
def test_ema_that_forgets_at_once_is_plain_bit_for_bit(batch_norm):
    plain, walk, _ = trained(keep, batch_norm=batch_norm)
    ema, other, _ = trained(lambda score: keep(score, EMA(0.0)), batch_norm=batch_norm)
    assert same(plain, ema)
    assert all(same(a, b) for a, b in zip(walk.live, other.live, strict=True))


@pytest.mark.parametrize("average", [EMA, lambda: SWA(0.25)])
def test_the_model_goes_its_own_way_and_only_what_is_looked_at_is_averaged(average):
    _, plain, _ = trained(keep, batch_norm=True)
    _, walk, _ = trained(lambda score: keep(score, average()), batch_norm=True)
    assert all(same(a, b) for a, b in zip(plain.live, walk.live, strict=True))
    assert not same(walk.seen[-1], plain.seen[-1])


@pytest.mark.parametrize("average", [EMA, lambda: SWA(0.0)])
def test_what_is_kept_is_the_average_that_scored_best(average):
    found, walk, best = trained(lambda score: keep(score, average()), scores=[3.0, 1.0, 2.0, 5.0])
    assert same(found, walk.seen[1]) and best.chosen() == {"epoch": 2}
    assert "what was looked at and kept" in best.said()[0]


@pytest.mark.parametrize("average", [EMA, lambda: SWA(0.0)])
def test_what_is_frozen_is_bit_identical_in_an_average(average):
    start = weights(row_model(batch_norm=True))
    found, _, _ = trained(lambda score: keep(score, average()), batch_norm=True, frozen=True)
    for name, value in start.items():
        assert torch.equal(found[name], value) == name.startswith("backbone.low"), name


def test_swa_is_the_mean_of_the_epochs_that_began_after_its_start():
    _, walk, _ = trained(lambda score: keep(score, SWA(0.3)), epochs=5)
    ends = walk.live[3::4]
    assert same(walk.seen[0], ends[0]) and same(walk.seen[1], ends[1]) and same(walk.seen[2], ends[2])
    for count in (2, 3):
        mean = {k: np.mean([e[k].double().numpy() for e in ends[2 : 2 + count]], 0) for k in ends[0]}
        assert close(walk.seen[1 + count], mean)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_swa_of_one_epoch_is_that_epoch(batch_norm):
    plain, _, _ = trained(keep, batch_norm=batch_norm)
    swa, _, _ = trained(lambda score: keep(score, SWA(0.99)), batch_norm=batch_norm)
    assert same(plain, swa)


def test_statistics_of_a_mean_are_those_of_the_mean():
    _, walk, _ = trained(lambda score: keep(score, SWA(0.0)), batch_norm=True, epochs=2)
    last, model = walk.seen[-1], row_model(batch_norm=True)
    model.load_state_dict(last)
    episode = Episode(
        Stage(row_model(batch_norm=True), {"target": blobs(40)}, Supervised(), epochs=2, batch_size=10), Machine()
    )
    rows = [episode.slices[step].batches["target"].inputs[0] for step in range(4, 8)]
    low = model.backbone.low[0]
    means = np.mean([low(r).detach().mean(0).numpy() for r in rows], 0)
    variances = np.mean([low(r).detach().var(0).numpy() for r in rows], 0)
    assert np.allclose(last["backbone.low.1.running_mean"], means, atol=1e-5)
    assert np.allclose(last["backbone.low.1.running_var"], variances, atol=1e-5)


def test_kept_statistics_stay_and_nothing_random_is_drawn():
    start = weights(row_model(batch_norm=True))
    found, _, _ = trained(lambda score: keep(score, SWA(0.0)), batch_norm=True, keep_statistics=True)
    assert all(torch.equal(found[n], start[n]) for n in start if "running" in n)
    model = row_model(batch_norm=True, dropout=0.5)
    episode = Episode(Stage(model, {"target": blobs(40)}, Supervised(), epochs=2, batch_size=10), Machine())
    episode.step = 4
    model.train()
    model.backbone.high.eval()
    before = torch.get_rng_state()
    assert refresh_statistics(episode)
    assert torch.equal(torch.get_rng_state(), before)
    assert model.training and not model.backbone.high.training and model.backbone.low[1].momentum == 0.1


def soup(score, **options):
    return Soup(score, by="log_loss", **options)


def test_a_soup_of_one_is_the_best_epoch():
    plain, _, best = trained(keep, batch_norm=True)
    found, _, one = trained(lambda score: soup(score, size=1), batch_norm=True)
    assert same(plain, found) and one.chosen() == best.chosen() | {"soup": [best.epoch + 1]}


def test_a_soup_is_stirred_greedily_and_says_so():
    # Looks at epochs 1 to 4; then 3 alone is kept, 4 joins (a tie), 2 makes it worse, 1 joins.
    found, walk, best = trained(soup, scores=[4.0, 3.0, 1.0, 2.0, 1.0, 1.5, 0.5])
    ends = walk.live[3::4]
    mean = {k: np.mean([ends[i][k].double().numpy() for i in (2, 3, 0)], 0) for k in found}
    assert close(found, mean)
    assert best.chosen() == {"epoch": 3, "soup": [3, 4, 1]}
    assert best.said() == (
        "a soup was begun with epoch 3 (log_loss 1); epoch 4 joined (1); epoch 2 did not (1.5); epoch 1 joined (0.5)",
    )
    assert not best.pot and not best.weights


def test_only_the_best_epochs_are_kept_and_a_score_that_is_no_number_never_joins():
    nan = float("nan")
    found, walk, best = trained(lambda score: soup(score, size=3), scores=[4.0, nan, 1.0, 2.0, nan, 3.0])
    assert best.chosen() == {"epoch": 3, "soup": [3]} and [t["epoch"] for t in best.tried] == [4, 1]
    assert same(found, walk.live[11])


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("lr", [0.01, 0.3, 1.0])
def test_a_soup_never_scores_worse_than_the_best_epoch(batch_norm, lr):
    found, _, best = trained(lambda score: soup(score, start=True), batch_norm=batch_norm, lr=lr, epochs=6)
    model = row_model(batch_norm=batch_norm)
    model.load_state_dict(found)
    episode = Episode(Stage(model, {"target": blobs(40)}, Supervised(), epochs=1), Machine())
    assert held_out_score(HELD)(episode)["log_loss"] <= best.best + 1e-12
    assert len(best.chosen()["soup"]) >= 1


def test_patience_ends_a_soup_too():
    _, walk, best = trained(lambda score: soup(score, patience=1), scores=[1.0, 2.0, 0.5])
    assert len(walk.live) == 8 and best.chosen() == {"epoch": 1, "soup": [1, 2]}


def test_every_held_out_class_may_count_alike():
    model = row_model()
    episode = Episode(Stage(model, {"target": blobs(40)}, Supervised(), epochs=1), Machine())
    y, logits = HELD.y, model.eval()(torch.from_numpy(HELD.features)).detach()
    w = np.where(y == 1, 3.0, 0.5)
    found = held_out_score(HELD, w)(episode)
    losses = torch.nn.functional.cross_entropy(logits, torch.from_numpy(y), reduction="none").numpy()
    assert found["log_loss"] == pytest.approx((w * losses).sum() / w.sum(), rel=1e-5)
    assert found["accuracy"] == pytest.approx((w * (logits.argmax(1).numpy() == y)).sum() / w.sum())
