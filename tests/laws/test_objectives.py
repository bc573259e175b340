"""Laws that hold for every objective. A new one joins by adding a row."""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from laws.adaptation_terms import TERMS
from laws.regularised_terms import TERMS as HELD_BACK
from laws.taught_terms import TERMS as TAUGHT
from laws.tuning_terms import TERMS as TUNING
from transferium.errors import InputError
from transferium.models.model import Model
from transferium.objectives.adversarial import ConditionalAdversarial, DomainAdversarial
from transferium.objectives.perturbed import Perturbed
from transferium.objectives.supervised import Supervised
from transferium.objectives.weight_distance import L2SP
from transferium.training.attack import attack_on
from transferium.training.feeds.batch import Batch
from transferium.training.feeds.feeds import Feeds
from transferium.training.loop.freeze import split_modules
from transferium.training.loop.objective import Objective
from transferium.training.loop.view import View
from worlds.toy import blobs, picture_backbone, row_model, same, weights

STREAMS = {"source": blobs(12, 1), "target": blobs(10, 2), "unlabeled": blobs(9, 3, shift=2).unlabeled()}
STREAMS["guessed"] = blobs(9, 3, shift=2)


def softmax(row):
    powers = np.exp(row - row.max())
    return powers / powers.sum()


def slow_supervised(model, batch, smoothing=0.0):
    total = 0.0
    for row, label in zip(batch.inputs[0], batch.labels, strict=True):
        p = softmax(model(row[None])[0].detach().double().numpy())
        want = np.full(len(p), smoothing / len(p))
        want[label] += 1 - smoothing
        total += -(want * np.log(p)).sum()
    return total / len(batch)


def slow_l2sp(moved, start):
    return 0.5 * sum(float(((a - b).detach().double() ** 2).sum()) for a, b in zip(moved, start, strict=True))


SIGNS = attack_on(picture_backbone(), STREAMS["source"], "fgsm", 0.1)


def slow_attacked(model, batch):
    spread = STREAMS["source"].features.astype(np.float64).std(axis=0)
    total = 0.0
    for row, label in zip(batch.inputs[0], batch.labels, strict=True):
        x = row[None].clone().requires_grad_()
        torch.nn.functional.cross_entropy(model(x), label[None]).backward()
        hit = (x + 0.1 * torch.from_numpy(spread).float() * x.grad.sign()).detach()
        total += -np.log(softmax(model(hit)[0].detach().double().numpy())[label])
    return total / len(batch)


@dataclass(frozen=True)
class Row:
    """``make`` builds it for a model; ``slow`` says what its terms are, one sample at a time."""

    name: str
    make: Callable[[Model], Objective]
    slow: Callable[[Model, dict[str, Batch], Model], dict[str, float]]
    touches: frozenset[str]


ROWS = [
    Row(
        "supervised",
        lambda m: Supervised(),
        lambda m, b, start: {"task": slow_supervised(m, b["target"])},
        frozenset({"target"}),
    ),
    Row(
        "smoothed",
        lambda m: Supervised("source", smoothing=0.3, name="s"),
        lambda m, b, start: {"s": slow_supervised(m, b["source"], 0.3)},
        frozenset({"source"}),
    ),
    Row(
        "l2sp",
        lambda m: L2SP(m.backbone),
        lambda m, b, start: {"l2_sp": slow_l2sp(m.backbone.parameters(), start.backbone.parameters())},
        frozenset(),
    ),
    Row(
        "perturbed",
        lambda m: Perturbed(Supervised("source", name="hit"), SIGNS, share=0.25, stream="source"),
        lambda m, b, start: {
            "hit": 0.75 * slow_supervised(m, b["source"]),
            "attacked_hit": 0.25 * slow_attacked(m, b["source"]),
        },
        frozenset({"source"}),
    ),
    *(Row(*term) for term in (*TERMS, *HELD_BACK, *TUNING, *TAUGHT)),
]
every = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


def batches():
    return {name: Feeds().open(domain, augmented=True).batch(0, np.arange(7)) for name, domain in STREAMS.items()}


def moved(model, by=0.05):
    """The model a little away from where it started, so that no term is at rest."""
    torch.manual_seed(1)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(by * torch.randn_like(p))
    return model


def world(row, **options):
    model = row_model(**options)
    start = copy.deepcopy(model)
    objective = row.make(model)
    return moved(model), start, objective


def gradients(model, objective):
    parameters = [*model.parameters(), *objective.parameters()]
    for p in parameters:
        p.grad = None
    terms = objective(View(model, batches(), taps=objective.taps))
    torch.stack(list(terms.values())).sum().backward()
    return [None if p.grad is None else p.grad.clone() for p in parameters]


@every
def test_terms_are_finite_scalars(row):
    model, _, objective = world(row)
    terms = objective(View(model, batches(), taps=objective.taps))
    assert terms
    for term in terms.values():
        assert term.shape == () and torch.isfinite(term) and term.requires_grad


@every
def test_terms_equal_a_slow_version_written_one_sample_at_a_time(row):
    model, start, objective = world(row)
    terms = {name: term.item() for name, term in objective(View(model, batches(), taps=objective.taps)).items()}
    assert terms == pytest.approx(row.slow(model, batches(), start), rel=1e-5)


@every
def test_a_weight_of_zero_leaves_exactly_the_other_gradients(row):
    model, _, objective = world(row)
    base = Supervised("source", name="base")
    alone = gradients(model, base)
    both = gradients(model, base + 0.0 * objective)
    for a, b in zip(alone, both, strict=False):
        assert torch.equal(a, b)


@every
def test_it_declares_the_streams_it_reads_and_reads_those_it_declares(row):
    model, _, objective = world(row)
    asked = set()

    class Watched(View):
        def _batch(self, stream):
            asked.add(stream)
            return super()._batch(stream)

    objective(Watched(model, batches(), taps=objective.taps))
    assert asked == objective.needs == row.touches


@every
def test_its_own_parameters_get_a_gradient_that_is_not_zero(row):
    model, _, objective = world(row)
    gradients(model, objective)
    for name, p in objective.named_parameters():
        if not p.requires_grad:
            assert p.grad is None, name
            continue
        assert p.grad is not None and p.grad.abs().max() > 0, name


@every
def test_the_model_gets_a_gradient_from_it(row):
    model, _, objective = world(row)
    found = gradients(model, objective)
    assert sum(float(g.abs().sum()) for g in found if g is not None) > 0


@every
def test_it_owns_nothing_of_the_model(row):
    model, _, objective = world(row)
    theirs = {id(p) for p in model.parameters()}
    assert not any(id(p) in theirs for p in objective.parameters())


@every
def test_asking_changes_nothing_in_eval_mode(row):
    model, _, objective = world(row, batch_norm=True, dropout=0.5)
    model.eval(), objective.eval()
    before = weights(model) | {f"own {k}": v for k, v in weights(objective).items()}
    first = objective(View(model, batches(), taps=objective.taps))
    second = objective(View(model, batches(), taps=objective.taps))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert same(before, weights(model) | {f"own {k}": v for k, v in weights(objective).items()})


@every
def test_weights_multiply_and_names_stay(row):
    model, _, objective = world(row)
    plain, tripled = (asked(View(model, batches(), taps=asked.taps)) for asked in (objective, 3 * objective))
    assert {name: 3 * t.item() for name, t in plain.items()} == pytest.approx({n: t.item() for n, t in tripled.items()})
    assert (3 * objective).needs == objective.needs and (3 * objective).taps == objective.taps


def test_two_terms_of_one_name_are_refused():
    with pytest.raises(
        InputError, match=r"two objectives of one sum both report \['task'\]; give one of them another name"
    ):
        (Supervised() + Supervised("source"))(View(row_model(), batches()))


def test_sums_ask_for_what_their_parts_ask_for():
    parts = Supervised() + 0.1 * Supervised("source", name="s") + L2SP(row_model())
    assert parts.needs == {"source", "target"}
    assert parts(View(row_model(), batches())).keys() == {"task", "s", "l2_sp"}


def test_after_step_reaches_every_part():
    told = []

    class Told(Supervised):
        def after_step(self, model):
            told.append(self.name)

    (Told(name="a") + 0.5 * (Told(name="b") + 2 * Told(name="c"))).after_step(row_model())
    assert told == ["a", "b", "c"]


def test_labels_may_be_probabilities():
    model, batch = row_model(), batches()["target"]
    soft = torch.nn.functional.one_hot(batch.labels, 2).float()
    mixed = View(model, {"target": batch}).seen_as("target", batch.inputs, 0.7 * soft + 0.3 * soft.flip(0))
    loss = Supervised()(mixed)["task"]
    logs = model(*batch.inputs).log_softmax(-1)
    expected = -((0.7 * soft + 0.3 * soft.flip(0)) * logs).sum(1).mean()
    assert torch.allclose(loss, expected)


def test_smoothing_out_of_range_is_named():
    with pytest.raises(InputError, match=r"label smoothing lies from 0 to below 1; it was 1.0"):
        Supervised(smoothing=1.0)


def test_rows_count_by_their_weight():
    model, batch = row_model(), batches()["target"]
    each = np.linspace(0.0, 2.0, 7)
    loss = Supervised(weights=each)(View(model, {"target": batch}))["task"].item()
    single = [
        slow_supervised(model, Batch((batch.inputs[0][i : i + 1],), batch.labels[i : i + 1], batch.index[i : i + 1]))
        for i in range(7)
    ]
    assert loss == pytest.approx(float(np.mean(each[batch.index] * single)), rel=1e-5)


def test_a_reversed_gradient_grows_and_the_critics_own_does_not():
    model, scale = moved(row_model()), {"now": 0.0}
    torch.manual_seed(0)
    objective = DomainAdversarial(16, hidden=8, growth=lambda _: scale["now"])
    found = []
    for scale["now"] in (0.0, 1.0, 2.0):
        found.append(gradients(model, objective))
    of_model = len(list(model.backbone.parameters()))
    for none, once, twice in zip(*(f[:of_model] for f in found), strict=True):
        assert not none.any() and torch.allclose(2 * once, twice)
    own = len(list(model.parameters()))
    for none, once, twice in zip(*(f[own:] for f in found), strict=True):
        assert none.any() and torch.equal(none, once) and torch.equal(once, twice)


def test_a_wide_critic_reads_random_projections():
    narrow, wide = ConditionalAdversarial(16, 256), ConditionalAdversarial(16, 257, dimensions=64)
    assert narrow.critic[0].in_features == 4096 and wide.critic[0].in_features == 64
    model = moved(row_model(classes=257))
    model_terms = wide(View(model, batches()))
    assert torch.isfinite(model_terms["domain"]) and sum(g.abs().sum() for g in gradients(model, wide)[:4]) > 0


def test_only_what_moves_is_held():
    model = row_model()
    model.backbone.low.requires_grad_(False)
    held = L2SP(model.backbone)
    assert len(held.moving) == 2 and len(list(held.buffers())) == 2
    assert split_modules(held)[0]
