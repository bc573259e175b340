"""Methods of adaptation on one set of ``adaptation.py``, beside a network trained on the source alone.

python benchmarks/one_method.py digits cgn,dann,cdan,mcc [--seeds 0,1,2]

Features are frozen, settings are the defaults, and target labels are read once, when everything is fitted.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from adaptation import SETS, measure, numbered_as, pairs_of
from record import DATA, record
from transferium.embedding.embed import Embedder
from transferium.embedding.store.store import FeatureStore
from transferium.methods.adaptation_task import AdaptationTask
from transferium.methods.catalogue import find_method
from transferium.models.catalogue import find_backbone


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=SETS)
    parser.add_argument("methods")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--data", type=Path, default=DATA)
    args = parser.parse_args()
    make, folder, asked = SETS[args.name]
    names, embedder = ["source-network", *args.methods.split(",")], Embedder(FeatureStore())
    found: dict[str, dict[str, list[float]]] = {}
    for seed in map(int, args.seeds.split(",")):
        domains = make(args.data / folder, seed)
        for source, target in pairs_of(args.name, domains):
            truth = numbered_as(domains[target], domains[source])
            truth = truth.take(np.random.default_rng([seed, len(truth)]).permutation(len(truth)))
            backbone = find_backbone(asked.backbone, truth.kind, size=asked.size)
            task = AdaptationTask(domains[source], None, backbone, embedder, seed, unlabeled=truth.unlabeled())
            of = found.setdefault(f"{source}->{target}", {name: [] for name in names})
            for name in names:
                right = measure(find_method(name, {}).adapt(task), task, truth)
                of[name].append(round(100 * float(right.mean()), 2))
            print(seed, source, target, {name: values[-1] for name, values in of.items()}, flush=True)
    means = {pair: {n: round(float(np.mean(v)), 2) for n, v in of.items()} for pair, of in found.items()}
    record(f"one_method_{args.name}", {"means": means, "each": found})


if __name__ == "__main__":
    main()
