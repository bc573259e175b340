import pytest
import torch
from torch import nn

from transferium.errors import InputError
from transferium.objectives.supervised import Supervised
from transferium.objectives.weight_distance import L2SP
from transferium.training.distributed.machine import Machine
from transferium.training.loop.episode import Episode
from transferium.training.loop.objective import Objective
from transferium.training.loop.optimiser import Optimiser
from transferium.training.loop.param_groups import Group, plain_groups
from transferium.training.loop.schedule import Schedule
from transferium.training.loop.stage import Player, Stage
from worlds.toy import blobs, row_model


def stage(model=None, objective=None, streams=None, **change):
    change = {"epochs": 1} | change
    if "players" not in change:
        change["objective"] = objective or Supervised()
    return Stage(model or row_model(), streams or {"target": blobs(20)}, **change)


class Critic(Objective):
    needs = frozenset({"target"})

    def __init__(self):
        super().__init__()
        self.judge = nn.Linear(16, 1)

    def forward(self, view):
        return {"critic": self.judge(view.features("target")).square().mean()}


def test_a_batch_is_divided_by_the_processes_too(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    stage(row_model(batch_norm=True), batch_size=4)
    with pytest.raises(InputError, match=r"gives batches of 1, .* \(it is 2, over 2 processes\)"):
        stage(row_model(batch_norm=True), batch_size=2)
    with pytest.raises(InputError, match=r"gives batches of 1, .* \(it is 6, in accumulate=2 passes, over 2 processes"):
        stage(row_model(batch_norm=True), batch_size=6, accumulate=2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: stage(objective=Supervised("source")), r"needs stream 'source' and was given \['target'\]"),
        (lambda: stage(objective=Supervised("targt")), "Did you mean 'target'"),
        (lambda: stage(objective=L2SP(row_model())), "reads no stream"),
        (lambda: stage(row_model().requires_grad_(False)), "nothing to train: every parameter is frozen"),
        (lambda: stage(epochs=None), "epochs or steps; it has epochs=None and steps=None"),
        (lambda: stage(steps=3), "epochs=1 and steps=3"),
        (lambda: stage(epochs=0), "epochs must be at least 1; it was 0"),
        (lambda: stage(batch_size=0), "batch_size must be at least 1"),
        (lambda: stage(accumulate=0), "accumulate must be at least 1"),
        (lambda: stage(lr=0.0), "learning rate of 'model' is 0.0; it must be above 0"),
        (lambda: stage(lr=float("nan")), "must be above 0"),
        (lambda: stage(lr=-1.0), "is -1.0"),
        (lambda: stage(clip=0.0), "clip is the largest gradient norm"),
        (lambda: stage(streams={"target": blobs(3).take([])}), "stream 'target' .* has no examples"),
        (lambda: stage(row_model(batch_norm=True), batch_size=1), "batches of 1, and batch normalisation needs 2"),
        (lambda: stage(row_model(batch_norm=True), streams={"target": blobs(1)}), "gives batches of 1"),
        (lambda: stage(row_model(batch_norm=True), batch_size=6, accumulate=4), "gives batches of 1"),
        (lambda: Stage(row_model(), {"target": blobs(9)}, epochs=1), "either one objective or a list of players"),
        (lambda: stage(schedule=Schedule("cosin")), "no schedule 'cosin'. Did you mean 'cosine'"),
        (lambda: stage(schedule=Schedule(warmup=1.0)), "warmup is the share"),
        (lambda: stage(optimiser=Optimiser("adamm")), "no optimiser 'adamm'. Did you mean 'adam'"),
    ],
)
def test_a_stage_that_cannot_run_is_refused_when_it_is_built(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_a_player_must_not_move_what_is_frozen_or_move_it_twice():
    model = row_model()
    weight = model.head.weight
    twice = (Group("a", (weight,), 0.1), Group("b", (weight,), 0.1))
    with pytest.raises(InputError, match="in two groups of one player"):
        stage(model, players=[Player(Supervised(), twice)])
    weight.requires_grad_(False)
    with pytest.raises(InputError, match="has a frozen parameter in its groups"):
        stage(model, players=[Player(Supervised(), twice[:1])])


def test_texts_cannot_be_passed_jointly():
    from dataclasses import replace

    texts = replace(blobs(4), kind="text")
    with pytest.raises(InputError, match="texts of two streams have different lengths: use joint=False"):
        stage(streams={"target": texts}, joint=True)


def test_batch_norm_that_is_frozen_minds_no_batch_of_one():
    model = row_model(batch_norm=True)
    model.backbone.requires_grad_(False)
    assert not stage(model, batch_size=1).mixes_rows


def test_an_objectives_own_parameters_are_trained_with_the_model():
    critic = Critic()
    built = stage(objective=Supervised() + 0.1 * critic, objective_lr=0.5)
    (player,) = built.players
    assert {id(p) for p in critic.parameters()} <= {id(p) for p in player.params}
    assert {g.lr for g in player.groups if g.name.startswith("objective")} == {0.5}


def test_groups_keep_the_rates_they_were_given():
    model = row_model()
    groups = plain_groups(model.head.parameters(), 0.5)
    assert [g.name for g in stage(model, groups=groups).players[0].groups] == ["all", "all (no decay)"]


def test_only_the_streams_that_are_read_are_needed():
    built = stage(streams={"source": blobs(9), "target": blobs(9)})
    assert built.needs == ("target",)


@pytest.mark.parametrize(
    "change",
    [
        {"lr": 0.5},
        {"batch_size": 7},
        {"seed": 9},
        {"about": {"backbone": "other"}},
        {"objective": Supervised(smoothing=0.1)},
        {"objective": 0.5 * Supervised()},
        {"streams": {"target": blobs(20, 1)}},
        {"streams": {"target": blobs(21)}},
        {"optimiser": Optimiser("sgd")},
        {"schedule": Schedule("linear")},
    ],
    ids=str,
)
def test_the_description_changes_with_whatever_changes_the_result(change):
    assert stage().describe() == stage().describe()
    assert stage(**change).describe() != stage().describe()


def test_a_last_batch_of_one_is_left_out_only_where_its_statistics_would_be_none():
    for batch_norm, steps in ((True, 2), (False, 3)):
        one_over = stage(row_model(batch_norm=batch_norm), streams={"target": blobs(9)}, batch_size=4)
        assert Episode(one_over, Machine()).total == steps


def test_a_changed_label_changes_the_description():
    from dataclasses import replace

    domain = blobs(20)
    other = replace(domain, labels=1 - domain.labels)
    assert stage(streams={"target": domain}).describe() != stage(streams={"target": other}).describe()


def test_schedules_at_their_ends():
    cosine = Schedule("cosine", warmup=0.2, floor=0.1)
    factors = [cosine.factor(step, 100) for step in range(100)]
    assert factors[0] == pytest.approx(1 / 20) and factors[19] == factors[20] == 1
    assert max(factors) == 1 and factors[-1] == pytest.approx(0.1, abs=2e-3)
    assert factors[60] == pytest.approx(0.55)
    assert {Schedule("constant").factor(step, 9) for step in range(9)} == {1.0}
    assert torch.tensor([Schedule("linear").factor(s, 4) for s in range(4)]).tolist() == [1, 0.75, 0.5, 0.25]
