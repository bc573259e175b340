"""Two solvers, one meaning: the convex probe is the training loop's optimum."""

import numpy as np
import torch
from torch import nn

from transferium.functional.logistic import fit_path
from transferium.models.model import Model
from transferium.objectives.supervised import Supervised
from transferium.objectives.weight_distance import L2SP
from transferium.training.loop.optimiser import Optimiser
from transferium.training.loop.schedule import Schedule
from transferium.training.loop.stage import Stage
from transferium.training.run import run
from worlds.toy import blobs


def test_the_loop_ends_where_the_solver_says():
    """``C n`` times the loop's loss is the solver's: mean cross-entropy plus ``scale^2 / (C n)`` of half the square."""
    data, C = blobs(120, 3, classes=3), 3.0
    path = fit_path(data.features, data.y, 3, [C], np.zeros(120, np.int64), tol=1e-6)
    head = nn.Linear(8, 3)
    nn.init.zeros_(head.weight), nn.init.zeros_(head.bias)
    weight = nn.ParameterList([head.weight])  # the bias is not held back
    objective = Supervised() + path.scale**2 / (C * 120) * L2SP(weight)

    def stages():
        yield Stage(
            Model(nn.Identity(), head),
            {"target": data},
            objective,
            steps=1500,
            batch_size=120,
            lr=0.5,
            clip=None,
            optimiser=Optimiser("sgd", momentum=0.9, nesterov=True),
            schedule=Schedule("constant"),
        )

    run(stages())
    with torch.no_grad():
        mine = head(torch.from_numpy(data.features)).softmax(-1).numpy()
    scores = data.features @ path.coef[0].T + path.intercept[0]
    powers = np.exp(scores - scores.max(1, keepdims=True))
    assert np.abs(mine - powers / powers.sum(1, keepdims=True)).max() < 1e-4
    assert np.abs(head.weight.detach().numpy() - path.coef[0]).max() < 1e-3
