"""``lr=auto``: a stage that tests rates, changes nothing, and says what it found."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from transferium.embedding.embed import Embedder
from transferium.errors import TransferiumWarning
from transferium.functional.range_test import FEWEST, MOST, suggested_rate
from transferium.methods.catalogue import find_method
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.finetuning.gradual import GradualUnfreeze
from transferium.methods.finetuning.learning_rates import STAGE
from transferium.methods.finetuning.lp_ft import LPFT
from transferium.methods.regularised.stoch_norm import StochNorm
from transferium.methods.task import Task
from transferium.objectives.supervised import Supervised
from transferium.training.distributed.machine import Machine
from transferium.training.loop.episode import Episode, train
from transferium.training.loop.objective import Objective
from transferium.training.loop.optimiser import Optimiser
from transferium.training.loop.stage import Stage
from transferium.training.run import run
from transferium.training.wrappers.range_test import LOWEST, RISING, RangeTest
from transferium.training.wrappers.stochastic_norm import StochasticNorm
from worlds.toy import blobs, picture_backbone, pictures, row_model, same, weights

SHORT: dict[str, Any] = {"epochs": 2, "batch_size": 8, "batch_norm": "batch"}


def task(n=40, seed=0, **change):
    torch.set_num_threads(1)
    return Task(pictures(n), None, picture_backbone(), Embedder(None, engine="torch"), seed, **change)


def test_the_model_is_put_back_bit_for_bit_with_its_statistics():
    stages = FineTune(lr="auto", **SHORT).stages(task())
    stage = next(stages)
    before = weights(stage.model)
    episode = Episode(stage, Machine())
    moved = []
    records = train(episode)
    for wrapper in stage.around:
        records = wrapper.wrap(records, episode)
    for _ in records:
        moved.append(not same(weights(stage.model), before))
    assert all(moved[10:]), "a test that moves nothing tests nothing"
    assert same(weights(stage.model), before)
    assert any("running_mean" in name for name in before)


def test_the_rate_rises_from_lowest_to_one_and_every_group_keeps_its_ratio():
    fitted = FineTune(lr="auto", **SHORT, optimiser="sgd", clip=0.1).fit(task())
    rows = [r for r in fitted.history if r["stage"] == STAGE]
    assert 10 < len(rows) <= FEWEST
    ratios = [b["lr"] / a["lr"] for a, b in pairwise(rows)]
    assert ratios == pytest.approx([1e7 ** (1 / FEWEST)] * len(ratios))
    assert rows[0]["lr"] == pytest.approx(LOWEST), "the last block's; the head's is ten times as high"
    chosen = fitted.selection.chosen["lr"]
    first = next(r for r in fitted.history if r["stage"] == "train")
    assert max(r["lr"] for r in fitted.history if r["stage"] == "train") <= 10 * chosen * (1 + 1e-9)
    assert first["step"] == 0
    note = fitted.selection.notes[-1]
    assert note.startswith(f"lr = {chosen:.3g} and head_lr = {10 * chosen:.3g} by a range test of {len(rows)} steps")
    assert chosen == pytest.approx(suggested_rate([r["lr"] for r in rows], [r["task"] for r in rows]))


@pytest.mark.filterwarnings("ignore::transferium.methods.unused_settings.UnusedSettingWarning")
def test_after_the_test_it_is_training_at_the_rate_it_found():
    frozen = SHORT | {"augment": "none", "unfreeze": "none", "optimiser": "sgd"}
    tested = FineTune(lr="auto", **frozen).fit(task())
    chosen = tested.selection.chosen["lr"]
    told = FineTune(lr=chosen, head_lr=1e-3 * (chosen / 1e-4), **frozen).fit(task())
    after = [r for r in tested.history if r["stage"] == "train"]
    assert after == told.history
    assert (tested.head.weight == told.head.weight).all()


@pytest.mark.parametrize("rates", [{"lr": 50.0}, {"lr": 1e-9}, {"head_lr": 50.0}, {"lr": 50.0, "head_lr": 1e-9}])
@pytest.mark.filterwarnings("ignore:(lr|head_lr)=.* is (far above|so low)")
def test_rates_of_no_use_stay_and_others_are_suggested(rates, monkeypatch):
    # Nothing that moves draws random numbers here: a stage more would make others of them.
    frozen = SHORT | {"augment": "none", "unfreeze": 1, "optimiser": "adamw", **rates}
    with pytest.warns(TransferiumWarning, match=r"^given .*, a range test of \d+ steps on this data suggests") as said:
        told = FineTune(**frozen).fit(task())
    suggested = str(said[-1].message).split("suggests ")[1].removesuffix(" instead.").split(" and ")
    assert [word.split("=")[0] for word in suggested] == list(rates)
    assert all(1e-6 < float(word.split("=")[1]) <= 0.1 for word in suggested), suggested
    monkeypatch.setattr("transferium.methods.finetuning.learning_rates.far_off", lambda method: {})
    plain = FineTune(**frozen).fit(task())
    assert [r for r in told.history if r["stage"] != STAGE] == plain.history
    assert (told.head.weight == plain.head.weight).all()


@pytest.mark.filterwarnings("ignore:lr=50", "ignore::transferium.methods.unused_settings.UnusedSettingWarning")
def test_nothing_is_suggested_for_a_rate_that_nothing_reads_or_in_a_fold():
    idle = FineTune(**SHORT, unfreeze="none", lr=50.0)
    fold = replace(task(), part=True)
    for method, given in ((idle, task()), (FineTune(**SHORT, lr=50.0), fold)):
        assert next(method.stages(given)).name != STAGE
    assert task().on(np.arange(8)).part


def test_rates_are_tested_on_the_network_that_is_trained():
    stages = StochNorm(lr="auto", p=0.3, **SHORT).stages(task())
    test, norm = next(stages).around
    assert isinstance(test, RangeTest) and isinstance(norm, StochasticNorm) and norm.p == 0.3


@pytest.mark.parametrize("method", [LPFT(lr="auto", **SHORT), GradualUnfreeze(lr="auto", **SHORT)])
def test_other_methods_test_their_rates_too(method):
    fitted = method.fit(task())
    assert fitted.history[0]["stage"] == STAGE and 0 < fitted.selection.chosen["lr"] <= 0.1
    assert all("stage" not in look or look["stage"] != STAGE for look in fitted.selection.candidates)


@pytest.mark.filterwarnings("ignore::transferium.methods.unused_settings.UnusedSettingWarning")
def test_no_rate_is_suggested_that_the_optimiser_cannot_use():
    """A head on frozen features never bursts, whatever its rate: some steps of AdamW do not take it far."""
    fitted = FineTune(lr="auto", **SHORT, unfreeze="none").fit(task())
    assert fitted.selection.chosen["lr"] == pytest.approx(0.01), "a tenth of AdamW's limit, as the head's is ten times"
    assert "no more than adamw can use" in fitted.selection.notes[-1]


@pytest.mark.parametrize(
    ("method", "planned"),
    [
        (FineTune(lr="auto", epochs=2, batch_size=8), 8),
        (FineTune(lr="auto", epochs=38, batch_size=8), 152),
        (FineTune(lr="auto", epochs=38, batch_size=7), 190),
        (FineTune(lr="auto", epochs=50, batch_size=1), 1600),
        (GradualUnfreeze(lr="auto", epochs=50, batch_size=8), 200),
    ],
)
def test_it_takes_a_fifth_of_the_planned_steps_from_twenty_to_a_hundred(method, planned):
    first = next(method.stages(task()))
    assert first.name == STAGE
    assert first.steps == min(max(round(planned / 5), FEWEST), MOST)


def test_the_held_out_part_is_not_looked_at():
    given = task()
    method = FineTune(lr="auto", **SHORT)
    spoilt = replace(given, val=pictures(11, 5)), replace(given, val=pictures(9, 6))
    first, second = ([r for r in method.fit(t).history if r["stage"] == STAGE] for t in spoilt)
    assert first == second


def test_the_rate_is_below_what_plain_descent_can_stand():
    class Bowl(Objective):
        """``curvature / 2 |w|²``, which plain gradient descent climbs out of above ``2 / curvature``."""

        needs = frozenset({"target"})

        def __init__(self, curvature):
            super().__init__()
            self.curvature = curvature
            self.w = torch.nn.Parameter(torch.ones(3))

        def forward(self, view):
            return {"bowl": 0.5 * self.curvature * self.w.square().sum() + 0.0 * view.features("target").sum()}

    for curvature in (20.0, 2000.0):
        test = RangeTest()
        stage = Stage(
            row_model(), {"target": blobs(20)}, Bowl(curvature), lr=LOWEST, objective_lr=LOWEST, steps=MOST,
            clip=None, optimiser=Optimiser("sgd", momentum=0.0), schedule=RISING, around=[test],
        )  # fmt: skip

        def stages(stage=stage):
            yield stage

        run(stages())
        assert len(test.rates) < MOST, "it ends where the loss bursts"
        assert 0.01 / curvature < suggested_rate(test.rates, test.losses) < 0.5 / curvature


@pytest.mark.parametrize("immediate", [True, False])
def test_a_loss_that_is_no_number_ends_the_test_and_not_the_run(immediate):
    class Spoilt(Objective):
        needs = frozenset({"target"})
        count = 0

        def forward(self, view):
            self.count += 1
            good = view.features("target").sum() * 0
            return {"spoilt": good * float("nan") if self.count > 30 else good}

    model, test = row_model(batch_norm=True), RangeTest()
    before = weights(model)
    machine = Machine()
    machine.immediate = immediate
    objective = Supervised() + Spoilt()
    stage = Stage(model, {"target": blobs(20)}, objective, lr=LOWEST, steps=MOST, schedule=RISING, around=[test])

    def stages():
        yield stage

    history = run(stages(), machine=machine).history
    assert len(history) == len(test.rates) == 30 and same(weights(model), before)


def test_the_command_line_reads_auto_and_numbers():
    assert find_method("finetune", {"lr": "auto"}).get_params()["lr"] == "auto"
    assert find_method("lp-ft", {"lr": "auto"}).get_params()["lr"] == "auto"
    assert find_method("gradual", {"lr": "3e-4"}).get_params()["lr"] == 3e-4


def test_the_plateau_follows_the_held_out_score_as_pytorchs_would():
    method = FineTune(
        epochs=8,
        batch_size=8,
        lr=0.05,
        batch_norm="batch",
        schedule="plateau",
        plateau_patience=1,
        gamma=0.3,
        warmup=0.0,
    )
    history = method.fit(task()).history
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser, factor=0.3, patience=0, threshold=0.0, eps=0.0)
    expected = []
    for record in history:
        expected.append(0.05 * optimiser.param_groups[0]["lr"])
        if "val_log_loss" in record:
            scheduler.step(record["val_log_loss"])
    assert [r["lr"] for r in history] == pytest.approx(expected)
    assert len(set(expected)) >= 3, "the world of this test must be one in which the score stops improving"
