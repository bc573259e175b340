"""What is left of a classifier's accuracy when each test example is moved to mislead it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.functional.bootstrap import Interval
from transferium.methods.base import Threat
from transferium.models.backbone import Backbone
from transferium.models.head import Head
from transferium.models.layers import LayeredHead

if TYPE_CHECKING:
    from transferium.training.attack import Attack

MOST, BATCH, STEPS = 200, 20, 10


@dataclass(frozen=True)
class Attacked:
    """Accuracy on the same examples clean and attacked, in words and figures."""

    words: str
    examples: int
    clean: Interval
    attacked: Interval

    def as_dict(self) -> dict[str, Any]:
        """Plain data for ``json.dumps``."""
        return {
            "attack": self.words,
            "examples": self.examples,
            "clean": self.clean.as_dict(),
            "attacked": self.attacked.as_dict(),
        }


def attacked_accuracy(
    backbone: Backbone, head: Head, train: Domain, test: Domain, threat: Threat, *, seed: int
) -> Attacked:
    """Accuracy under the strongest attack of the threat's kind, by an adversary who knows weights and labels.

    Signed steps are taken ten times from a random start (PGD), whatever the model was trained on; texts are moved by
    FGM. At most 200 test examples are attacked, drawn by ``seed``: each costs eleven passes forward and back.
    """
    import torch

    from transferium.training.attack import attack_on
    from transferium.training.augment import seeded
    from transferium.training.feed import Feeds

    kind = "pgd" if threat.kind in ("fgsm", "pgd") else "fgm"
    attack = attack_on(backbone, train, kind, threat.eps, STEPS)
    some = test.take(np.sort(np.random.default_rng(seed).permutation(len(test))[:MOST]))
    module = backbone.build().eval().requires_grad_(False)
    feed = Feeds(backbone.preprocess).open(some, augmented=False)
    right: list[NDArray[np.bool_]] = []
    for start in range(0, len(some), BATCH):
        rows = np.arange(start, min(start + BATCH, len(some)))
        batch = feed.batch(0, rows)
        with seeded(seed, start):
            right.append(_survive(module, head, attack, batch.inputs, torch.from_numpy(some.y[rows])))
    clean, hit = np.concatenate(right, axis=1)
    return Attacked(str(attack), len(some), share(clean), share(hit))


def share(right: NDArray[np.bool_]) -> Interval:
    """The share that is right, with its exact (Clopper-Pearson) interval.

    >>> share(np.array([True, True]))  # doctest: +ELLIPSIS
    Interval(value=1.0, low=0.158..., high=1.0)
    """
    from scipy.stats import binomtest

    count = int(right.sum())
    ends = binomtest(count, len(right)).proportion_ci(method="exact")
    return Interval(count / len(right), float(ends.low), float(ends.high))


def _survive(module: Any, head: Head, attack: Attack, inputs: Any, labels: Any) -> NDArray[np.bool_]:
    """Whether each row is answered rightly: clean, and moved. A row counts as lost if either is wrong."""
    import torch
    from torch import nn

    def layer(x: Any, weight: NDArray[np.float64], bias: NDArray[np.float64]) -> Any:
        return nn.functional.linear(x, *(torch.from_numpy(np.asarray(a, np.float32)) for a in (weight, bias)))

    def logits(seen: Any) -> Any:
        x = module(*seen)
        for weight, bias in head.hidden if isinstance(head, LayeredHead) else ():
            x = layer(x, weight, bias).relu()
        return layer(x, head.weight, head.bias)

    delta = attack.find(module, inputs, lambda seen: nn.functional.cross_entropy(logits(seen), labels))
    with torch.no_grad():
        clean = logits(inputs).argmax(1) == labels
        with attack.moved(module, inputs, delta) as seen:
            moved = logits(seen).argmax(1) == labels
    return torch.stack([clean, clean & moved]).numpy()
