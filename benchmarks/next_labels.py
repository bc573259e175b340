"""Labels chosen by ``transferium next`` against labels drawn at random: TREC questions, a probe on MiniLM.

python benchmarks/next_labels.py [--draws 20] [--data-set trec|sst2] [--short]

Each draw begins with the same 20 random training questions for all rules and goes on to 50, 100 and 200 labels; the
model of each step chooses the next ones from the training file, and accuracy is measured on the test file. The area is
the mean of the accuracies at 50, 100 and 200 labels (at 20 all are the same). Differences to random are paired by draw,
with a 95 % bootstrap interval over draws. ``--short``: 3 draws, in a minute.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from record import DATA, record
from transferium.data.domain import Domain
from transferium.data.read import read
from transferium.embedding.embed import Embedder
from transferium.embedding.store.store import FeatureStore
from transferium.functional.bootstrap import Interval
from transferium.functional.sampling.active_learning import RULES, next_to_label
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.task import Task
from transferium.models.catalogue import find_backbone
from transferium.models.heads.base import AnyHead

SIZES = (20, 50, 100, 200)
SETS = {"trec": ("train.csv", "test.csv"), "sst2": ("train.csv", "dev.csv")}


def accuracies(pool: Domain, test: Domain, rule: str, seed: int) -> list[float]:
    """Accuracy on ``test`` at each of ``SIZES``, with labels chosen by ``rule``."""
    rng, found = np.random.default_rng(seed), []
    order = rng.permutation(len(pool))
    chosen = order[: SIZES[0]]
    head: AnyHead | None = None
    identity = find_backbone(None, "features")
    for size in SIZES:
        if size > len(chosen):
            left = order[~np.isin(order, chosen)]
            more = slice(size - len(chosen)) if rule == "random" else picked(head, pool, left, chosen, size, rule)
            chosen = np.concatenate([chosen, left[more]])
        train = pool.take(chosen)
        head = LinearProbe().fit(Task(train, None, identity, Embedder(None), seed)).head
        found.append(float((head.outputs(test.features).argmax(axis=1) == test.y).mean()))
    return found


def picked(
    head: AnyHead | None, pool: Domain, left: NDArray[Any], chosen: NDArray[Any], size: int, rule: str
) -> NDArray[np.intp]:
    """Positions in ``left`` of what is labelled next."""
    assert head is not None
    features = pool.features
    outputs = head.outputs(features[left])
    return next_to_label(outputs, features[left], size - len(chosen), rule=rule)


def over_draws(gain: NDArray[np.float64]) -> Interval:
    """The mean over draws, with a bootstrap interval."""
    rng = np.random.default_rng(0)
    means = gain[rng.integers(0, len(gain), (5000, len(gain)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(float(gain.mean()), float(low), float(high))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--data-set", choices=list(SETS), default="trec")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--data", type=Path, default=DATA)
    args = parser.parse_args()
    draws, embedder = 3 if args.short else args.draws, Embedder(FeatureStore())
    backbone, seen = find_backbone(None, "text"), []
    for file in SETS[args.data_set]:
        domain = read(args.data / args.data_set / file, label="label", text="text")
        seen.append(domain.embedded(embedder(domain, backbone)[0].features))
    pool, test = seen
    assert pool.classes == test.classes
    warnings.simplefilter("ignore")
    by = {rule: np.array([accuracies(pool, test, rule, seed) for seed in range(draws)]) for rule in ("random", *RULES)}
    figures = {}
    for rule, found in by.items():
        gain = (found - by["random"])[:, 1:]
        area = over_draws(gain.mean(axis=1))
        at = {str(size): round(float(x), 4) for size, x in zip(SIZES, found.mean(axis=0), strict=True)}
        gains = {str(s): over_draws(gain[:, i]).as_dict() for i, s in enumerate(SIZES[1:])}
        figures[rule] = {"accuracy": at, "gain": gains, "gain_of_the_area": area.as_dict(), "draws": draws}
        print(rule, at, f"area {100 * area.value:+.1f} ({100 * area.low:.1f} to {100 * area.high:.1f})", flush=True)
    if not args.short:
        record(f"next_labels_{args.data_set}", figures)


if __name__ == "__main__":
    main()
