import copy
from functools import partial

import pytest
import torch
from torch import nn

from transferium.data.samples import Rows
from transferium.errors import NonFiniteError
from transferium.models.model import Model
from transferium.objectives.supervised import Supervised
from transferium.objectives.weight_distance import L2SP
from transferium.training.distributed.machine import Machine
from transferium.training.feeds.feeds import Feeds
from transferium.training.feeds.order import Order
from transferium.training.logs.history import History
from transferium.training.loop.episode import Episode, train
from transferium.training.loop.objective import Objective
from transferium.training.loop.optimiser import OPTIMISERS, Optimiser
from transferium.training.loop.param_groups import plain_groups
from transferium.training.loop.schedule import Schedule
from transferium.training.loop.stage import Player, Stage
from transferium.training.resume.checkpoint import Checkpoints
from transferium.training.run import run
from worlds.toy import PICTURE, blobs, picture_backbone, pictures, row_model, same, weights


def once(stage, **options):
    def stages():
        yield stage
        return stage.model

    return run(stages(), **options)


@pytest.mark.parametrize("optimiser", ["adamw", "adam", "sgd"])
def test_the_loop_is_the_loop_one_would_write_by_hand(optimiser):
    data, epochs, size, lr, decay = blobs(50), 3, 16, 0.05, 0.1
    mine, theirs = row_model(), row_model()
    stage = Stage(
        mine, {"target": data}, Supervised(), epochs=epochs, batch_size=size, lr=lr, weight_decay=decay, clip=0.5,
        optimiser=Optimiser(optimiser, nesterov=True), schedule=Schedule("linear"), seed=3,
    )  # fmt: skip
    history = once(stage).history
    decayed = [p for p in theirs.parameters() if p.ndim > 1]
    free = [p for p in theirs.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": decay}, {"params": free, "weight_decay": 0.0}]
    sgd = partial(torch.optim.SGD, momentum=0.9, nesterov=True)
    plain = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam, "sgd": sgd}[optimiser](groups, lr=lr)
    order, losses = Order(50, size, 3), []
    for step in range(12):
        rows = order.at(step)[1]
        for group in plain.param_groups:
            group["lr"] = lr * (1 - step / 12)
        loss = nn.functional.cross_entropy(
            theirs(torch.from_numpy(data.features[rows])), torch.from_numpy(data.y[rows])
        )
        plain.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(theirs.parameters(), 0.5)
        plain.step()
        losses.append(loss.item())
    assert [r["task"] for r in history] == pytest.approx(losses, abs=1e-5)
    for a, b in zip(mine.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-5)


def test_records_say_where_they_were_taken():
    history = once(Stage(row_model(), {"target": blobs(20)}, Supervised(), epochs=2, batch_size=8, lr=0.1, name="warm"))
    rows = history.history
    assert [r["step"] for r in rows] == [0, 1, 2, 3, 4, 5]
    assert [r["epoch"] for r in rows] == [0, 0, 0, 1, 1, 1]
    assert rows[0]["lr"] == 0.1 and rows[-1]["lr"] < 0.02
    assert {r["stage"] for r in rows} == {"warm"}
    assert all(isinstance(r["task"], float) for r in rows)


def test_the_model_is_left_in_eval_mode_however_the_loop_ends():
    stage = Stage(row_model(dropout=0.5), {"target": blobs(20)}, Supervised(), steps=50)
    records = train(Episode(stage, Machine()))
    for record in records:
        assert stage.model.training
        if record["step"] == 3:
            break
    records.close()
    assert not any(m.training for m in stage.model.modules())


def test_passes_that_share_a_step_change_nothing():
    def trained(accumulate):
        objective = Supervised(smoothing=0.1)
        model = row_model()
        stage = Stage(model, {"target": blobs(50)}, objective + 0.1 * L2SP(model), epochs=3, batch_size=16, lr=0.05,
                      accumulate=accumulate)  # fmt: skip
        return once(stage).history, weights(stage.model)

    (whole, a), (split, b) = trained(1), trained(5)
    assert [r["task"] for r in whole] == pytest.approx([r["task"] for r in split], abs=1e-5)
    assert [r["l2_sp"] for r in whole] == pytest.approx([r["l2_sp"] for r in split], abs=1e-5)
    assert all(torch.allclose(a[name], b[name], atol=1e-5) for name in a)


def test_a_player_moves_its_own_parameters_and_no_others():
    model = row_model()
    head = Player(Supervised(), plain_groups(model.head.parameters(), 0.1), turns=3)
    before = weights(model)
    once(Stage(model, {"target": blobs(20)}, players=[head], steps=5))
    after = weights(model)
    assert same(
        {k: v for k, v in before.items() if "backbone" in k}, {k: v for k, v in after.items() if "backbone" in k}
    )
    assert not torch.equal(before["head.weight"], after["head.weight"])
    assert model.backbone.low[0].weight.grad is None, "no gradient is computed for what does not move"


def test_players_take_their_turns():
    asked = []

    class Asked(Supervised):
        def forward(self, view):
            asked.append(self.name)
            return super().forward(view)

        def after_step(self, model):
            asked.append("moved")

    model = row_model()
    players = [
        Player(Asked(name="a"), plain_groups(model.head.parameters(), 0.1)),
        Player(Asked(name="b"), plain_groups(model.backbone.parameters(), 0.1), turns=2),
    ]
    rows = once(Stage(model, {"target": blobs(20)}, players=players, steps=1)).history
    assert asked == ["a", "moved", "b", "moved", "b", "moved"]
    assert {"a", "b"} <= rows[0].keys()


def test_streams_of_other_lengths_go_round_at_their_own_pace():
    seen = {"source": [], "target": []}

    class Both(Objective):
        needs = frozenset({"source", "target"})

        def forward(self, view):
            for name, rows in seen.items():
                rows.append(view.index(name).tolist())
            return {"task": nn.functional.cross_entropy(view.logits("source"), view.labels("source"))}

    streams = {"source": blobs(10), "target": blobs(7, 1)}
    rows = once(Stage(row_model(), streams, Both(), epochs=3, batch_size=3)).history
    assert len(rows) == 9 and rows[-1]["epoch"] == 2
    assert all(len(r) == 3 for rows in seen.values() for r in rows)
    assert {*seen["target"][0], *seen["target"][1]} != {*seen["target"][2], *seen["target"][3]}
    assert len({*seen["source"][0], *seen["source"][1], *seen["source"][2]}) == 9


class Spoilt(Objective):
    """A term that is not a number from one step on."""

    needs = frozenset({"target"})

    def __init__(self, step, value=float("nan")):
        super().__init__()
        self.step, self.value = step, value
        self.register_buffer("count", torch.zeros(()))

    def forward(self, view):
        self.count += 1
        good = view.features("target").sum() * 0
        return {"spoilt": good * self.value if self.count > self.step else good}


@pytest.mark.parametrize("immediate", [True, False])
@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_a_term_that_is_not_a_number_never_reaches_the_weights(immediate, optimiser):
    def world():
        model = row_model(batch_norm=True)
        stage = Stage(model, {"target": blobs(20)}, Supervised() + Spoilt(4), steps=60, lr=0.1, weight_decay=0.1,
                      optimiser=Optimiser(optimiser))  # fmt: skip
        machine = Machine()
        machine.immediate = immediate
        return model, Episode(stage, machine)

    model, episode = world()
    records = train(episode)
    good = {}
    with pytest.raises(NonFiniteError, match=r"at step 4, 'spoilt' is nan. The weights are those of the step before"):
        for record in records:
            if record["step"] == 3:
                good = weights(model)
    assert good and same(weights(model), good)


class Steep(Objective):
    """Nought, and infinitely steep."""

    needs = frozenset({"target"})

    def forward(self, view):
        return {"steep": (view.logits("target").sum() * 0).sqrt()}


def test_a_gradient_that_is_not_a_number_is_caught_too():
    model = row_model()
    before = weights(model)
    with pytest.raises(NonFiniteError, match=r"at step 0, 'gradient norm' is nan.* Nothing was learned in this stage"):
        once(Stage(model, {"target": blobs(20)}, Steep(), steps=3))
    assert same(weights(model), before)


@pytest.mark.parametrize(
    ("immediate", "said"),
    [(True, "the gradient of 'steep' is not finite"), (False, "of the sum of 'task' .*, 'steep' ")],
)
def test_whose_gradient_is_not_finite_is_said(immediate, said):
    model = row_model()
    before = weights(model)
    machine = Machine()
    machine.immediate = immediate
    episode = Episode(Stage(model, {"target": blobs(20)}, Supervised() + Steep(), steps=3), machine)
    drawn = torch.get_rng_state()
    with pytest.raises(NonFiniteError, match=rf"at step 0, 'gradient norm' is nan.*{said}.*Nothing was learned"):
        list(train(episode))
    assert same(weights(model), before) and torch.equal(drawn, torch.get_rng_state())


def test_bad_values_in_the_data_are_caught_at_their_step():
    domain = blobs(40)
    values = domain.features.copy()
    values[7, 3] = float("inf")
    domain = domain.embedded(values)
    model = row_model(batch_norm=True)
    order = Order(40, 10, 0)
    step = next(s for s in range(4) if 7 in order.at(s)[1])
    with pytest.raises(NonFiniteError, match=f"at step {step}, 'task' is nan"):
        once(Stage(model, {"target": domain}, Supervised(), epochs=1, batch_size=10))
    assert all(torch.isfinite(t).all() for t in model.state_dict().values())
    assert isinstance(domain.samples, Rows)


def test_history_reads_the_device_a_block_at_a_time():
    machine = Machine()
    asked = []
    machine.sum = lambda t: (asked.append(len(t)), t)[1]
    log = History("x", machine)
    for i in range(120):
        log.add({"step": i, "task": torch.tensor(float(i)), "plain": 0.5})
    assert asked == [50, 50]
    assert [r["task"] for r in log.flush()] == list(range(120))
    assert asked == [50, 50, 20]


def noisy(model):
    """Random numbers between the stages and inside them."""
    with torch.no_grad():
        model.head.weight.add_(torch.randn(2, 16))
    yield Stage(model, {"target": blobs(20)}, Supervised(), steps=3)
    model.drawn = torch.rand(2)
    yield Stage(model, {"target": blobs(20)}, Supervised(), steps=3)
    return model


def test_random_numbers_come_from_the_seed_and_the_callers_are_left_alone():
    results = []
    for callers, seed in [(1, 3), (2, 3), (2, 4)]:
        model = row_model(dropout=0.3)
        torch.manual_seed(callers)
        expected = torch.rand(3)
        torch.manual_seed(callers)
        results.append(run(noisy(model), seed=seed).result)
        assert torch.equal(torch.rand(3), expected)
    one, two, other = results
    assert same(weights(one), weights(two)) and torch.equal(one.drawn, two.drawn)
    assert not same(weights(one), weights(other)) and not torch.equal(one.drawn, other.drawn)


def test_a_replayed_generator_draws_what_it_drew(tmp_path):
    first = run(noisy(row_model()), seed=3, checkpoints=Checkpoints(tmp_path)).result
    (tmp_path / "stage-001.safetensors").unlink()
    again = run(noisy(row_model()), seed=3, checkpoints=Checkpoints(tmp_path)).result
    assert torch.equal(first.drawn, again.drawn) and same(weights(first), weights(again))


def test_a_weight_may_follow_the_progress_of_the_stage():
    model = row_model()
    seen = []

    def ramp(progress):
        seen.append(progress)
        return progress

    rows = once(Stage(model, {"target": blobs(20)}, Supervised() + ramp * L2SP(model), steps=4, lr=0.1)).history
    assert seen == [0, 0.25, 0.5, 0.75]
    assert rows[0]["l2_sp"] == 0 and rows[3]["l2_sp"] > 0


def test_same_seed_same_weights_and_another_seed_others():
    backbone = picture_backbone()

    def trained(seed):
        torch.manual_seed(1)
        model = Model(backbone.build(), nn.Linear(5, 2))
        stage = Stage(model, {"target": pictures(20)}, Supervised(), feeds=Feeds(PICTURE, "simple", seed), epochs=2,
                      batch_size=8, seed=seed)  # fmt: skip
        return weights(once(stage, seed=seed).result)

    assert same(trained(0), trained(0))
    assert not same(trained(0), trained(1))


def test_code_after_a_yield_sees_the_trained_model():
    model = row_model()
    before = weights(model)
    seen = []

    def stages():
        yield Stage(model, {"target": blobs(20)}, Supervised(), steps=3, name="one")
        seen.append(weights(model))
        yield Stage(model, {"target": blobs(20)}, Supervised(), steps=2, name="two")
        return copy.deepcopy(model)

    outcome = run(stages())
    assert not same(seen[0], before) and not same(seen[0], weights(outcome.result))
    assert [r["stage"] for r in outcome.history] == ["one"] * 3 + ["two"] * 2


def test_progress_is_told_every_step():
    told = []
    once(Stage(row_model(), {"target": blobs(20)}, Supervised(), steps=3), progress=lambda *t: told.append(t))
    assert told == [("stage", 1, 3), ("stage", 2, 3), ("stage", 3, 3)]


def test_a_second_stage_reads_in_an_order_of_its_own():
    def batches(seed, discarded=False):
        model, read = row_model(), []
        model.backbone.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0].clone()))

        def stages():
            for aside in (discarded, False):
                yield Stage(
                    model, {"target": blobs(20)}, Supervised(), epochs=1, batch_size=20, seed=seed, discarded=aside
                )

        run(stages(), seed=seed)
        return read

    first, second = batches(0), batches(1)
    assert len({batch.numpy().tobytes() for batch in (*first, *second)}) == 4
    alone = blobs(20).features[Order(20, 20, 0).at(0)[1]]
    assert torch.equal(first[0], torch.from_numpy(alone)), "the first stage reads as one that is alone"
    assert torch.equal(batches(0, discarded=True)[1], first[0]), "a stage that is thrown away does not count"
