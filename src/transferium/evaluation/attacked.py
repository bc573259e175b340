"""Accuracy under attack: each test example is changed a little so that the classifier is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.functional.bootstrap import Interval
from transferium.methods.fitted import Threat
from transferium.models.backbone import Backbone
from transferium.models.heads.layered import LayeredHead
from transferium.models.heads.linear import Head
from transferium.problems.class_evaluation import accuracy_interval

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
    backbone: Backbone,
    head: Head,
    train: Domain,
    test: Domain,
    threat: Threat,
    *,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> Attacked:
    """Accuracy under the strongest attack of the threat's kind, which uses the model's weights and the labels.

    Signed steps are taken ten times from a random start (PGD), whatever the model was trained on; texts are moved by
    FGM. At most 200 test examples are attacked, drawn by ``seed``: each costs eleven passes forward and back.
    Intervals are those of every other accuracy. ``progress`` is called with the examples done and all, from 0 on.
    """
    from transferium.training.attack import attack_on

    kind = "pgd" if threat.kind in ("fgsm", "pgd") else "fgm"
    attack = attack_on(backbone, train, kind, threat.eps, STEPS)
    some = test.take(np.sort(np.random.default_rng(seed).permutation(len(test))[:MOST]))
    tell, done = progress or (lambda _done, _total: None), 0
    tell(done, len(some))
    right: list[NDArray[np.bool_]] = []
    for answers in _batches(backbone, head, attack, some, seed):
        right.append(answers)
        done += answers.shape[1]
        tell(done, len(some))
    clean, hit = (accuracy_interval(a, seed=seed, groups=some.groups) for a in np.concatenate(right, axis=1))
    return Attacked(str(attack), len(some), clean, hit)


def _batches(backbone: Backbone, head: Head, attack: Attack, some: Domain, seed: int) -> Iterator[NDArray[np.bool_]]:
    """Which rows of each batch are predicted rightly, ``(2, rows)``: clean, and attacked."""
    import torch

    from transferium.training.augment.augment import seeded
    from transferium.training.feeds.feeds import Feeds

    module = backbone.build().eval().requires_grad_(False)
    feed = Feeds(backbone.preprocess).open(some, augmented=False)
    for start in range(0, len(some), BATCH):
        rows = np.arange(start, min(start + BATCH, len(some)))
        batch = feed.batch(0, rows)
        with seeded(seed, start):
            yield _survive(module, head, attack, batch.inputs, torch.from_numpy(some.y[rows]))


def _survive(module: Any, head: Head, attack: Attack, inputs: Any, labels: Any) -> NDArray[np.bool_]:
    """Whether each row is predicted rightly: clean, and both clean and under attack."""
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
