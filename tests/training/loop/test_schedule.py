"""Every schedule equals PyTorch's, step by step, where PyTorch has one; else the paper's formula."""

import math

import pytest
import torch
from torch.optim import lr_scheduler

from transferium.errors import InputError
from transferium.training.loop.schedule import SCHEDULES, Schedule
from transferium.training.wrappers.plateau import Plateau

STEPS = 60


def reference(make, steps=STEPS):
    """The rates of one of PyTorch's schedulers over a peak of 1."""
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = make(optimiser)
    rates = [optimiser.param_groups[0]["lr"]]
    for _ in range(steps - 1):
        optimiser.step()
        scheduler.step()
        rates.append(optimiser.param_groups[0]["lr"])
    return rates


def ours(schedule, steps=STEPS):
    return [schedule.factor(step, steps) for step in range(steps)]


def slanted(step, total=STEPS, cut_frac=0.1, ratio=32):
    """Equation 3 of Howard & Ruder (2018), with a peak of 1."""
    cut = math.floor(total * cut_frac)
    p = step / cut if step < cut else 1 - (step - cut) / (cut * (1 / cut_frac - 1))
    return (1 + p * (ratio - 1)) / ratio


@pytest.mark.parametrize(
    ("schedule", "make"),
    [
        (Schedule("slanted", warmup=0.1), lambda o: lr_scheduler.LambdaLR(o, slanted)),
        (Schedule("one-cycle", warmup=0.3), lambda o: lr_scheduler.OneCycleLR(o, 1.0, total_steps=STEPS)),
        (Schedule("step"), lambda o: lr_scheduler.StepLR(o, STEPS // 4, 0.1)),
        (Schedule("step", gamma=0.5, drops=9), lambda o: lr_scheduler.StepLR(o, STEPS // 10, 0.5)),
        (Schedule("exponential", gamma=0.02), lambda o: lr_scheduler.ExponentialLR(o, 0.02 ** (1 / STEPS))),
        (Schedule("cosine"), lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS)),
        (Schedule("linear"), lambda o: lr_scheduler.LinearLR(o, 1.0, 0.0, STEPS)),
        (Schedule("plateau"), lambda o: lr_scheduler.ConstantLR(o, 1.0)),
    ],
    ids=lambda x: x.name if isinstance(x, Schedule) else "",
)
def test_equal_to_pytorch_step_by_step(schedule, make):
    assert ours(schedule) == pytest.approx(reference(make), rel=1e-9, abs=1e-12)


def test_one_cycle_rises_over_the_warm_up_and_falls_to_almost_nothing():
    rates = ours(Schedule("one-cycle", warmup=0.1), 100)
    assert rates.index(max(rates)) == 9 and rates[0] == pytest.approx(1 / 25) and rates[-1] == pytest.approx(4e-6)
    assert ours(Schedule("one-cycle"), 10)[0] == 1.0


def test_three_drops_make_four_levels_after_the_warm_up():
    rates = ours(Schedule("step", warmup=0.2), 50)
    assert rates[:10] == pytest.approx([(i + 1) / 10 for i in range(10)])
    assert [rates[10:].count(level) for level in (0.1**0, 0.1**1, 0.1**2, 0.1**3)] == [10] * 4


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("total", [1, 2, 3, 97])
@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.9])
def test_factors_lie_above_zero_up_to_one_for_stages_of_any_length(name, total, warmup):
    rates = ours(Schedule(name, warmup), total)
    assert all(0 < rate <= 1 for rate in rates)
    assert rates == sorted(rates[: rates.index(max(rates))]) + sorted(rates[rates.index(max(rates)) :], reverse=True)


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_held_rate_stays(name):
    rates = ours(Schedule(name, warmup=0.1, hold=0.5), 40)
    assert len(set(rates[20:])) == 1 and rates[:21] == ours(Schedule(name, warmup=0.1), 40)[:21]


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_rate_that_is_held_during_the_warm_up_is_held_at_its_peak(name):
    rates = ours(Schedule(name, warmup=0.3, hold=0.1), 40)
    assert rates[:12] == ours(Schedule(name, warmup=0.3), 40)[:12] and set(rates[12:]) == {1.0}


class Stepping:
    """What a plateau needs of an episode."""

    lr_scale = 1.0


def scales(plateau, scores, episode=None):
    """The scale after each record; every other record has no score."""
    episode = episode or Stepping()
    records = [r for score in scores for r in ({"step": 0}, {"val_log_loss": score})]
    return [episode.lr_scale for record in plateau.wrap(iter(records), episode) if "val_log_loss" in record]


SCORES = [
    [3.0, 2.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.7, 0.6, 0.5, 0.4, 0.9, 0.9, 0.9, 0.9, 0.9],
    [1.0] * 12,
    [-0.5, 0.1, float("nan"), 0.2, -0.6, 0.0, 0.0],
]


@pytest.mark.parametrize("scores", SCORES)
@pytest.mark.parametrize("patience", [1, 2, 3])
@pytest.mark.parametrize("lowest", [True, False])
def test_a_plateau_equals_pytorchs_step_by_step(scores, patience, lowest):
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = lr_scheduler.ReduceLROnPlateau(
        optimiser, "min" if lowest else "max", factor=0.1, patience=patience - 1, threshold=0.0, eps=0.0
    )
    expected = []
    for score in scores:
        scheduler.step(score)
        expected.append(optimiser.param_groups[0]["lr"])
    plateau = Plateau("val_log_loss", lowest=lowest, patience=patience)
    assert scales(plateau, scores) == pytest.approx(expected, rel=1e-12)


def test_a_plateau_goes_on_where_its_memory_ends():
    expected = scales(Plateau("val_log_loss"), SCORES[0])
    for at in range(len(SCORES[0])):
        first, second, episode = Plateau("val_log_loss"), Plateau("val_log_loss"), Stepping()
        before = scales(first, SCORES[0][:at])
        second.recall(*first.memory())
        assert before + scales(second, SCORES[0][at:], episode) == expected


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Schedule("one_cycle"), r"no schedule 'one_cycle'. Did you mean 'one-cycle'"),
        (lambda: Schedule("step", gamma=0.0), r"gamma is what the rate is multiplied by; it must be above 0"),
        (lambda: Schedule("step", drops=0), r"drops is how often the rate falls; it must be at least 1, and was 0"),
        (lambda: Plateau("val_log_loss", gamma=1.0), r"gamma, above 0 and below 1; it was 1.0"),
        (lambda: Plateau("val_log_loss", patience=0), r"at least 1 epoch; its patience was 0"),
    ],
)
def test_what_cannot_work_is_named(make, message):
    with pytest.raises(InputError, match=message):
        make()
