"""Where in the network the information is: a probe of every block, and channels that new data leaves still."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from transferium.data.domain import Domain
from transferium.errors import BackboneError, DataError
from transferium.evaluation.layers.block_outputs import BlockOutputs, block_outputs, need_torch
from transferium.evaluation.sides.learn_and_test import learn_and_test
from transferium.evaluation.sides.looked import Array, Looked
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.problems.catalogue import OF_EXAMPLES

MOST_LEARNED, MOST_TESTED, FEWEST = 160, 80, 20
"""The most examples that a probe of each block learns from and is measured on, and the fewest of both."""
STILL = 1e-6
"""A channel is dead where all that it does is less than this share of the most that a channel of its block does."""


def block_probes(looked: Looked) -> dict[str, Any]:
    """The figure of a linear probe on each block's mean outputs, on the same examples, and the share of dead channels.

    A dead channel has one value at all places of all examples that are looked at (``examples``). Intervals are of the
    test examples; ``best`` is the block whose probe has the best value, and others may be as good. Raises
    ``BackboneError`` for a backbone without blocks and where PyTorch is missing, ``DataError`` in a quick look.
    """
    backbone, problem = looked.network, looked.problem
    if problem.kind not in OF_EXAMPLES:
        raise DataError(f"probes by block are of one answer for each example, not of {problem.said()}")
    if not backbone.blocks:
        raise BackboneError(f"no blocks of layers of {backbone.name} are known")
    if looked.quick:
        raise DataError("a quick look does not run the network again to look into its blocks: use --full")
    need_torch()
    both = learn_and_test(looked, MOST_LEARNED)
    chosen = np.random.default_rng(looked.seed).permutation(len(both.test))[:MOST_TESTED]
    learn, test = both.learn.domain, both.test.take(np.sort(chosen)).domain
    if min(len(learn), len(test)) < FEWEST:
        raise DataError(
            f"probes by block need {FEWEST} or more examples to learn from and to be measured on; there are "
            f"{len(learn)} and {len(test)}"
        )
    module = backbone.build().eval().requires_grad_(False)
    outputs = [block_outputs(module, backbone, domain) for domain in (learn, test)]
    if not outputs[0]:
        raise BackboneError(f"no block of {backbone.name} is a module of its own that answers with numbers")
    rows = [
        {"block": name, "channels": outputs[0][name].mean.shape[1]}
        | {"dead": dead_share(*(side[name] for side in outputs))}
        | _probed(looked, learn, test, *(side[name].mean for side in outputs))
        for name in outputs[0]
    ]
    sign = -1 if problem.lower_is_better else 1
    best = max(rows, key=lambda row: sign * row["probe"]["value"])
    counts = {"learned_from": len(learn), "tested_on": len(test), "examples": len(learn) + len(test)}
    return counts | {"data": both.said, "figure": problem.headline, "blocks": rows, "best": best["block"]}


def _probed(looked: Looked, learn: Domain, test: Domain, seen: Array, new: Array) -> dict[str, Any]:
    rows = replace(learn.embedded(seen.astype(np.float32)), keys=None)
    head = LinearProbe().solve(looked.task(rows), rows).head
    outputs = head.outputs(new.astype(np.float32))
    found = looked.problem.evaluate(test.y, outputs, seed=looked.seed, groups=test.groups)
    return {"probe": found[looked.problem.headline].as_dict()}


def dead_share(*parts: BlockOutputs) -> float:
    """The share of channels that have one value everywhere, up to rounding.

    >>> quiet = BlockOutputs(np.zeros((1, 2)), np.array([0.0, -1.0]), np.array([0.0, 2.0]))
    >>> dead_share(quiet, quiet)
    0.5
    """
    moves = np.max([one.high for one in parts], axis=0) - np.min([one.low for one in parts], axis=0)
    return float((moves <= STILL * moves.max()).mean())
