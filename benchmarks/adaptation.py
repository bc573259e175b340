"""Domain adaptation: source only, every method, auto, and what the target's labels would have chosen.

python benchmarks/adaptation.py [styles office_caltech10 amazon_reviews zh_shopping10 zh_char_ngrams digits
                                digits_from_scratch digits_tuned dann_timing]
                               [--methods a,b] [--seeds 0,1,2] [--keep FOLDER]

Target labels are read in one place, ``measure``, after everything was fitted and chosen. The rule of ``auto`` was
designed while looking at all of them but mnist_textured; ``adaptation_rules.py`` has worlds that were held out.
``digits_from_scratch`` trains ``small_cnn`` on the source; its settings were tried on usps -> the odd mnist digits,
which no row contains, and how ``auto`` decides there was settled on that pair and on mnist -> usps. ``digits_tuned``
moves all of ``efficientnet_lite0`` at 64 pixels, at default rates; ``zh_char_ngrams`` reads the texts of
``zh_shopping10`` by the backbone of that name. A seed draws the examples (where a set is larger than what is used),
the order of the target's rows and everything random. With ``--keep``, what was trained stays in that folder, and the
same command goes on from it.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from record import DATA, RESULTS, command, record
from transferium.data.doctor.scan import scan
from transferium.data.domain import Domain
from transferium.data.read import read
from transferium.data.samples import Rows
from transferium.embedding.embed import Embedder
from transferium.embedding.store.store import FeatureStore
from transferium.errors import TransferiumError
from transferium.functional.bootstrap import paired_interval
from transferium.methods.adaptation_task import AdaptationTask
from transferium.methods.catalogue import METHODS, find_method
from transferium.methods.fitted import Fitted
from transferium.methods.method import Method
from transferium.methods.model_selection.auto import Auto
from transferium.methods.model_selection.election import kept_in
from transferium.models.catalogue import find_backbone
from transferium.problems.classes import Classes

REVIEWS = 1200
DIGITS = 2000
METHODS_SHOWN = ("dan", "dann", "deep-coral")
"""What is shown beside the candidates of ``auto``."""


@dataclass(frozen=True)
class Asked:
    """How one data set is adapted: the backbone, the settings of every method, and who stands for election."""

    backbone: str | None = None
    size: int | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    candidates: tuple[str, ...] = Auto().adaptations

    def auto(self) -> Auto:
        return Auto(adaptations=self.candidates, **self.settings)

    def method(self, name: str) -> Method:
        """Another method with the same settings."""
        return Auto(adaptations=(name,), **self.settings).candidate_methods()[name]


ALL_MOVES = {"tuning": "full", "augment": "rotate:15+shift:0.1+zoom:0.3+shear:10"}
NETWORKS = ("dan", "dann", "cdan", "mcc", "shot", "pseudo-label")
FROM_SCRATCH = Asked("small_cnn", None, ALL_MOVES | {"epochs": 20}, NETWORKS)
TUNED = Asked("efficientnet_lite0", 64, ALL_MOVES | {"epochs": 10}, NETWORKS)


def some(domain: Domain, n: int, seed: int) -> Domain:
    """``n`` examples, drawn by the seed."""
    return domain.take(np.sort(np.random.default_rng(seed).permutation(len(domain))[:n]))


def numbered_as(target: Domain, source: Domain) -> Domain:
    """The target with the source's numbers of the classes."""
    labels = np.array([source.classes.index(target.classes[k]) for k in target.y])
    return replace(target, labels=labels, problem=Classes(source.classes))


def styles(folder: Path, seed: int) -> dict[str, Domain]:
    return {name: read(folder / name) for name in ("art", "cartoon", "photo")}


def office(folder: Path, seed: int) -> dict[str, Domain]:
    return {name: read(folder / name) for name in ("amazon", "caltech10", "dslr", "webcam")}


def reviews(folder: Path, seed: int) -> dict[str, Domain]:
    names = ("books", "dvd", "electronics", "kitchen")
    return {name: some(read(folder / f"{name}.csv"), REVIEWS, seed) for name in names}


def all_digits(folder: Path, seed: int) -> dict[str, Domain]:
    """The even mnist ids alone: mnist_textured was made from the odd ones."""
    mnist = read(folder / "mnist")
    even = np.array([int(Path(name).stem) % 2 == 0 for name in mnist.ids])
    return {"mnist": mnist.take(even), **{name: read(folder / name) for name in ("usps", "mnist_textured")}}


def digits(folder: Path, seed: int) -> dict[str, Domain]:
    return {name: some(domain, DIGITS, seed) for name, domain in all_digits(folder, seed).items()}


def shopping(folder: Path, seed: int) -> dict[str, Domain]:
    """The three largest domains, as texts."""
    whole = read(folder / "all.csv", text="text", label="label")
    with (folder / "all.csv").open(encoding="utf-8", newline="") as file:
        of = np.array([row["domain"] for row in csv.DictReader(file)])
    names, counts = np.unique(of, return_counts=True)
    largest = names[np.argsort(-counts, kind="stable")][:3]
    return {str(name): some(whole.take(np.flatnonzero(of == name)), REVIEWS, seed) for name in largest}


def shopping_rows(folder: Path, seed: int) -> dict[str, Domain]:
    """The same as feature rows: TF-IDF of character n-grams, reduced on all inputs, labels unseen."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

    parts = shopping(folder, seed)
    texts = [str(d.samples.raw(i)) for d in parts.values() for i in range(len(d))]
    counted = HashingVectorizer(
        analyzer="char", ngram_range=(1, 3), n_features=2**16, norm=None, alternate_sign=False
    ).transform(texts)
    weighed = TfidfTransformer(sublinear_tf=True).fit_transform(counted)
    rows = TruncatedSVD(256, random_state=0).fit_transform(weighed).astype(np.float32)
    starts = np.cumsum([0, *(len(d) for d in parts.values())])
    return {name: d.embedded(rows[a:b]) for (name, d), a, b in zip(parts.items(), starts[:-1], starts[1:], strict=True)}


SETS: dict[str, tuple[Callable[[Path, int], dict[str, Domain]], str, Asked]] = {
    "styles": (styles, "styles", Asked()),
    "office_caltech10": (office, "office_caltech10", Asked()),
    "amazon_reviews": (reviews, "amazon_reviews", Asked()),
    "zh_shopping10": (shopping_rows, "zh_shopping10", Asked()),
    "zh_char_ngrams": (shopping, "zh_shopping10", Asked("char_ngrams")),
    "digits": (digits, "digits", Asked()),
    "digits_from_scratch": (all_digits, "digits", FROM_SCRATCH),
    "digits_tuned": (digits, "digits", TUNED),
}
DIGIT_PAIRS = [("mnist", "usps"), ("usps", "mnist"), ("mnist", "mnist_textured")]
PAIRS = dict.fromkeys(("digits", "digits_from_scratch", "digits_tuned"), DIGIT_PAIRS)


def pairs_of(name: str, domains: dict[str, Domain]) -> Iterator[tuple[str, str]]:
    """Every ordered pair; of three domains of reviews, each as a source once."""
    if name in PAIRS:
        return iter(PAIRS[name])
    listed = list(domains)
    return (
        iter(itertools.permutations(listed, 2))
        if len(listed) > 3 or name == "styles"
        else zip(listed, [*listed[1:], listed[0]], strict=True)
    )


def measure(fitted: Fitted, task: AdaptationTask, truth: Domain) -> np.ndarray:
    """Which target examples are answered rightly: the one place where target labels are read."""
    seen = task.embed(truth, fitted.backbone).features
    return fitted.head.predict(seen) == truth.y


def one_pair(
    source: Domain,
    target: Domain,
    embedder: Embedder,
    asked: Asked,
    shown: list[str],
    seed: int,
    workdir: Path | None = None,
) -> dict[str, Any]:
    """``auto``, its candidates (those that did not stand too) and the methods shown beside them, on one pair."""
    backbone = find_backbone(asked.backbone, source.kind, size=asked.size)
    if source.kind == "features":
        backbone = replace(backbone, width=source.features.shape[1])
    target = numbered_as(target, source)
    # Files lie sorted by class, and no method may learn from that.
    target = target.take(np.random.default_rng([seed, len(source)]).permutation(len(target)))
    # Files are read and embedded once: what is timed is what adapting adds.
    source, target = (replace(d, keys=scan(d).keys) for d in (source, target))
    for domain in (source, target):
        embedder(domain, backbone)
    task = AdaptationTask(source, None, backbone, embedder, seed, workdir=workdir, unlabeled=target.unlabeled())
    resumed = workdir is not None and workdir.exists()
    begin, worked = time.perf_counter(), time.process_time()
    auto = asked.auto().adapt(task)
    worked = time.process_time() - worked
    models, failed, seconds = dict(auto.beside), {}, {"auto": round(time.perf_counter() - begin, 2)}
    for name in (n for n in (*asked.candidates, *shown) if n not in models):
        method, begin = asked.method(name), time.perf_counter()
        at = task if method.moves_backbone else replace(task, backbone=models["source-only"].backbone)
        try:
            models[name] = method.adapt(kept_in(at, name))
        except TransferiumError as error:
            failed[name] = str(error)
        seconds[name] = round(time.perf_counter() - begin, 2)
    right = {name: measure(fitted, task, target) for name, fitted in models.items()}
    ours = right[auto.selection.chosen["method"]]
    gain = paired_interval(ours, right["source-only"], seed=seed)
    best = max((n for n in ("source-only", *asked.candidates) if n in right), key=lambda n: right[n].mean())
    return {
        "examples": [len(source), len(target)],
        "seconds": None if resumed else seconds,
        "cpu_seconds_of_auto": None if resumed else round(worked, 2),
        "failed": failed,
        "auto_chose": auto.selection.chosen["method"],
        "auto_votes": list(auto.selection.notes)[:3],
        "accuracy": {name: round(100 * float(hits.mean()), 2) for name, hits in (right | {"auto": ours}).items()},
        "auto_gain": {key: round(100 * value, 2) for key, value in gain.as_dict().items()},
        "oracle": {
            "marked": "chosen with target labels",
            "best": best,
            "gap": round(100 * float(right[best].mean() - ours.mean()), 2),
        },
    }


def summary(seeds: dict[str, dict[str, dict[str, Any]]]) -> dict[str, Any]:
    """Means over pairs and seeds, with their spread over seeds; the worst single pair of auto; the mean oracle gap."""
    every = [pair for pairs in seeds.values() for pair in pairs.values()]
    shared = sorted(set.intersection(*(set(p["accuracy"]) for p in every)))
    means = [{n: np.mean([p["accuracy"][n] for p in pairs.values()]) for n in shared} for pairs in seeds.values()]
    gains = [p["auto_gain"]["value"] for p in every]
    by_seed = [float(np.mean([p["auto_gain"]["value"] for p in pairs.values()])) for pairs in seeds.values()]
    spread = {"interval": _interval(by_seed)} if len(by_seed) > 1 else {}
    names = next(iter(seeds.values()))
    pairs = {
        name: {n: _mean_of([pairs[name]["accuracy"][n] for pairs in seeds.values()]) for n in shared} for name in names
    }
    return {
        "seeds": list(seeds),
        "mean": {n: _mean_of([m[n] for m in means]) for n in shared},
        "auto_minus_source_only": {"mean": _mean_of(gains), "worst": min(gains), "best": max(gains)} | spread,
        "oracle_gap_mean": _mean_of([p["oracle"]["gap"] for p in every]),
        "mean_of_pair": pairs,
    }


def _mean_of(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), 2)


def _interval(values: Sequence[float]) -> list[float]:
    """The 95 % interval of a mean over seeds (Student's t)."""
    from scipy.stats import t

    half = t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return [round(float(np.mean(values) + sign * half), 2) for sign in (-1, 1)]


def dann_timing(seed: int) -> dict[str, Any]:
    """DANN over 5,000 + 5,000 cached features of width 1,280, 20 epochs."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 10, 10_000)
    x = (rng.normal(size=(10_000, 1280)) + 3 * rng.normal(size=(10, 1280))[y]).astype(np.float32)
    x[5000:] += rng.normal(size=1280).astype(np.float32)
    names = tuple("abcdefghij")
    both = Domain(Rows(x), "features", [str(i) for i in range(10_000)], y, Classes(names))
    source, target = both.take(np.arange(5000)), both.take(np.arange(5000, 10_000)).unlabeled()
    backbone = replace(find_backbone(None, "features"), width=1280)
    task = AdaptationTask(source, None, backbone, Embedder(None), seed, unlabeled=target)
    begin = time.perf_counter()
    find_method("dann", {"epochs": 20}).adapt(task)
    return {"seconds": round(time.perf_counter() - begin, 2), "load_average": os.getloadavg()[0], "epochs": 20}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=[*SETS, "dann_timing"])
    parser.add_argument("--methods", default=",".join(METHODS_SHOWN))
    parser.add_argument("--seeds", default="0", help="numbers with commas between")
    parser.add_argument("--keep", type=Path, help="where trained candidates are kept for the same command again")
    parser.add_argument("--data", type=Path, default=DATA)
    args = parser.parse_args()
    shown = [name for name in args.methods.split(",") if name in METHODS]
    embedder = Embedder(FeatureStore())
    written = RESULTS / "adaptation.json"
    for name in args.names:
        found: dict[str, Any]
        if name == "dann_timing":
            found = dann_timing(0)
        else:
            make, folder, asked = SETS[name]
            seeds: dict[str, dict[str, dict[str, Any]]] = {}
            for seed in args.seeds.split(","):
                domains, pairs = make(args.data / folder, int(seed)), {}
                for source, target in pairs_of(name, domains):
                    of = f"{source}->{target}"
                    kept = None if args.keep is None else args.keep / name / seed / of
                    pair = one_pair(domains[source], domains[target], embedder, asked, shown, int(seed), kept)
                    pairs[of] = pair
                    print(name, seed, source, target, pair["accuracy"], pair["auto_chose"], flush=True)
                seeds[seed] = pairs
            found = {"summary": summary(seeds), "pairs": seeds}
            print(name, json.dumps(found["summary"]), flush=True)
        figures = json.loads(written.read_text())["figures"] if written.exists() else {}
        record("adaptation", figures | {name: found | {"command": command()}})


if __name__ == "__main__":
    main()
