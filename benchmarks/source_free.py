"""A saved probe adapted to each other domain of ``office_caltech10`` without the data that it was made from.

python benchmarks/source_free.py [--seed 0]

Accuracy on the target of the probe itself, of ``shot``, of information maximisation alone and of ``tent``.
"""

from __future__ import annotations

import argparse
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np

from record import DATA, record
from transferium.data.read import read
from transferium.estimator.classifier import TransferClassifier

METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "shot": ("shot", {}),
    "information maximisation": ("shot", {"self_labels": 0.0}),
    "tent": ("tent", {}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=DATA)
    args = parser.parse_args()
    domains = {folder.name: read(folder) for folder in sorted((args.data / "office_caltech10").iterdir())}
    models = {name: TransferClassifier(random_state=args.seed).fit(domain) for name, domain in domains.items()}
    pairs = {}
    for source, target in permutations(domains, 2):
        given = domains[target]
        made = {"source only": models[source]}
        for name, (method, settings) in METHODS.items():
            asked = TransferClassifier(method, settings=settings, random_state=args.seed)
            made[name] = asked.fit(given.unlabeled(), source=models[source])
        pairs[f"{source}->{target}"] = {
            name: round(100 * float(np.mean(model.predict(given) == np.array(given.classes)[given.y])), 1)
            for name, model in made.items()
        }
        print(source, target, pairs[f"{source}->{target}"], flush=True)
    means = {name: round(float(np.mean([pair[name] for pair in pairs.values()])), 1) for name in made}
    record("source_free", {"means": means, "pairs": pairs})


if __name__ == "__main__":
    main()
