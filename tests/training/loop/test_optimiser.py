"""What each optimiser does to a weight, and that a run goes on as if it had never been interrupted."""

import subprocess
import sys

import pytest
import torch

from transferium.models.model import Model
from transferium.objectives.supervised import Supervised
from transferium.training.feeds.feeds import Feeds
from transferium.training.loop.optimiser import OPTIMISERS, Optimiser
from transferium.training.loop.param_groups import Group
from transferium.training.loop.stage import Stage
from transferium.training.resume.checkpoint import Checkpoints
from transferium.training.run import run
from worlds.toy import PICTURE, PictureNet, blobs, pictures, row_model, same, weights


def moved(name, shape, gradients, *, lr=0.01, decay=0.0, **settings):
    """A parameter of ones after one step for each gradient."""
    parameter = torch.nn.Parameter(torch.ones(shape))
    optimiser = Optimiser(name, **settings).build([Group("all", (parameter,), lr, decay)])
    for gradient in gradients:
        parameter.grad = gradient.clone()
        optimiser.step()
    return parameter.detach()


def gradients(*shape, count=4):
    torch.manual_seed(3)
    return [torch.randn(shape) for _ in range(count)]


def test_lion_is_the_papers_algorithm():
    given, lr, decay = gradients(5, 3), 0.01, 0.1
    w, m = torch.ones(5, 3), torch.zeros(5, 3)
    for g in given:
        w = w - lr * (torch.sign(0.9 * m + 0.1 * g) + decay * w)
        m = 0.99 * m + 0.01 * g
    assert torch.allclose(moved("lion", (5, 3), given, lr=lr, decay=decay), w, atol=1e-6)


def test_muon_makes_a_matrix_step_orthogonal_and_leaves_vectors_to_adamw():
    given = gradients(6, 6, count=1)
    before, after = torch.linalg.svdvals(given[0]), torch.linalg.svdvals(moved("muon", (6, 6), given) - 1)
    assert after.max() < 3 * after.min() and before.max() > 500 * before.min(), (after, before)
    vectors = gradients(7)
    adamw = moved("adamw", (7,), vectors, betas=(0.9, 0.95))
    assert torch.allclose(moved("muon", (7,), vectors), adamw, atol=1e-6)


def test_adam_adds_decay_to_the_gradient_and_adamw_does_not():
    given, lr, decay = gradients(4, 4, count=1), 0.01, 0.5
    plain = torch.sign(given[0])
    assert torch.allclose(moved("adamw", (4, 4), given, lr=lr, decay=decay), 1 - lr * decay - lr * plain, atol=1e-5)
    with_decay = torch.sign(given[0] + decay)
    assert torch.allclose(moved("adam", (4, 4), given, lr=lr, decay=decay), 1 - lr * with_decay, atol=1e-5)
    assert not torch.equal(plain, with_decay), "the world of this test must be one where it matters"


@pytest.mark.parametrize("name", OPTIMISERS)
def test_every_optimiser_lowers_the_loss(name):
    model, lr = row_model(), 0.1 if name == "sgd" else 0.01
    stage = Stage(model, {"target": blobs(60)}, Supervised(), epochs=6, batch_size=20, lr=lr, optimiser=Optimiser(name))

    def stages():
        yield stage

    losses = [r["task"] for r in run(stages()).history]
    assert losses[-1] < 0.9 * losses[0]


class StoppedError(Exception):
    """Stands for whatever ends a process."""


@pytest.mark.parametrize("name", OPTIMISERS)
def test_interrupted_and_started_again_it_ends_the_same(name, tmp_path):
    def stages():
        torch.manual_seed(5)
        model = Model(PictureNet(), torch.nn.Linear(5, 2))
        yield Stage(model, {"target": pictures(24)}, Supervised(), feeds=Feeds(PICTURE), epochs=4, batch_size=8,
                    lr=0.01, weight_decay=0.1, optimiser=Optimiser(name, nesterov=name == "sgd"))  # fmt: skip
        return model

    expected = run(stages())
    for stop in (1, 5, 8):

        def halt(_name, done, _total, stop=stop):
            if done == stop + 1:
                raise StoppedError

        with pytest.raises(StoppedError):
            run(stages(), checkpoints=Checkpoints(tmp_path, every_steps=1), progress=halt)
    again = run(stages(), checkpoints=Checkpoints(tmp_path))
    assert same(weights(again.result), weights(expected.result)) and again.history == expected.history


def test_naming_an_optimiser_imports_no_library():
    code = (
        "import sys; from transferium.training.loop.optimiser import Optimiser; Optimiser('muon'), Optimiser('lion'); "
        "print('torch' in sys.modules or 'timm' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
