"""Rules by which ``auto`` could choose: what each would have taken, from the same fitted candidates.

python benchmarks/adaptation_rules.py [styles office_caltech10 amazon_reviews zh_shopping10 digits cifar_styles
                                       office_edges digits_inverted cifar_edges office_inverted digits_outlined]
                                      [--seeds 0] [--rows N]

Every candidate of ``auto`` is fitted once for each pair, whatever would bar it; then each rule reads their answers in
milliseconds. For each world and rule: mean accuracy, mean gap to the best candidate in hindsight, and the worst pair
against source only. Target labels are read in ``accuracy``, after everything was fitted. ``cifar_styles`` and the last
five are made here: edge maps, two grey levels a channel (posterised) and negatives of pictures. The last three worlds
were named before any rule was tried, and looked at once, when the rule was settled. With ``--rows``, at most so many
examples of each domain are used.
"""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from adaptation import SETS, all_digits, numbered_as, office, pairs_of, some
from record import DATA, RESULTS, command, record
from transferium.data.domain import Domain
from transferium.data.read import read
from transferium.data.samples import Items
from transferium.embedding.embed import Embedder
from transferium.embedding.store.store import FeatureStore
from transferium.functional.validators.catalogue import validate
from transferium.functional.validators.ensemble import ensemble_answers
from transferium.functional.validators.evidence import Evidence
from transferium.methods.adaptation_task import AdaptationTask
from transferium.methods.frozen.source_only import SourceOnly
from transferium.methods.model_selection.auto import Auto
from transferium.methods.model_selection.election import see
from transferium.methods.model_selection.most_agreed import Standing, most_agreed, standings, together
from transferium.models.catalogue import find_backbone

Picture = Callable[[Image.Image], Image.Image]
FAMILIES = {"standardise": "alike", "coral": "alike", "prototypes": "sharp", "mcc": "sharp", "shot": "sharp"}


@dataclass(frozen=True)
class Fits:
    """All candidates on one pair: their names, evidence and standings, and how accurate each is."""

    names: list[str]
    evidence: list[Evidence]
    found: list[Standing]
    truth: np.ndarray

    def accuracy(self, answers: np.ndarray) -> float:
        return 100 * float((answers == self.truth).mean())

    @property
    def accuracies(self) -> list[float]:
        return [self.accuracy(each.target_predictions) for each in self.evidence]

    def best(self, validator: str) -> np.ndarray:
        """The answers of the candidate that one validator likes best."""
        scores = [validate(each, (validator,))[validator].value for each in together(self.evidence)]
        return self.evidence[int(np.argmax([-np.inf if s is None else s for s in scores]))].target_predictions

    def families(self) -> np.ndarray:
        """Kappa with other families alone, each family counting once."""
        of = [FAMILIES.get(name, name) for name in self.names]
        kappas = [[_kappa(a, b) for b in self.evidence] for a in self.evidence]
        means = [
            np.mean([np.mean([row[j] for j, f in enumerate(of) if f == g]) for g in set(of) - {of[i]}])
            for i, row in enumerate(kappas)
        ]
        return self.evidence[int(np.argmax(means))].target_predictions

    def chosen(self, found: list[Standing] | None = None) -> np.ndarray:
        """The answers of what the rule takes, of other standings where they are given."""
        at, _ = most_agreed(self.names, found or self.found)
        return self.evidence[at].target_predictions


def _kappa(a: Evidence, b: Evidence) -> float:
    from transferium.functional.validators.agreement import kappa

    return kappa(a.target_predictions, b.target_predictions, a.target_logits.shape[1])[0]


def weighing(fits: Fits, clustered: float) -> list[Standing]:
    return [replace(each, clustered=clustered) for each in fits.found]


RULES: dict[str, Callable[[Fits], np.ndarray]] = {
    "average of all probabilities": lambda f: ensemble_answers([e.target_logits for e in f.evidence]).argmax(axis=1),
    "likeness to the average (EnsV)": lambda f: f.best("ensemble"),
    "mean kappa": lambda f: f.best("agreement"),
    "mean kappa, each family once": lambda f: f.families(),
    "clusters of the target (AMI)": lambda f: f.best("ami"),
    "silhouette": lambda f: f.best("silhouette"),
    "cross-validation": lambda f: f.best("cross-validation"),
    "mean kappa, two standard errors, EnsV": lambda f: f.chosen(weighing(f, 0.0)),
    "the same plus cross-validation, always": lambda f: f.chosen(weighing(f, 1.0)),
    "the same plus cross-validation above AMI 0.15": lambda f: f.chosen(
        weighing(f, float(f.found[0].clustered > 0.15))
    ),
    "the rule: weighed by AMI": lambda f: f.chosen(),
}


def edges(picture: Image.Image) -> Image.Image:
    """A line drawing: the strongest tenth of the edges, black on white."""
    if min(picture.size) < 128:
        picture = ImageOps.scale(picture, 128 / min(picture.size))
    picture.thumbnail((320, 320))
    found = np.asarray(picture.convert("L").filter(ImageFilter.GaussianBlur(1)).filter(ImageFilter.FIND_EDGES), float)
    found[:2], found[-2:], found[:, :2], found[:, -2:] = 0, 0, 0, 0
    drawn = np.where(found > max(np.quantile(found, 0.9), 8), 0, 255)
    return Image.fromarray(drawn.astype(np.uint8)).convert("RGB")


def posterised(picture: Image.Image) -> Image.Image:
    return ImageOps.posterize(picture, 1)


def redrawn(domain: Domain, how: Picture) -> Domain:
    """The same examples, each picture changed by ``how``."""

    def opened(i: int) -> Image.Image:
        raw: Any = domain.samples.raw(i)
        raw = raw["bytes"] if isinstance(raw, dict) else raw
        return (Image.open(io.BytesIO(raw)) if isinstance(raw, bytes) else Image.fromarray(raw)).convert("RGB")

    return replace(domain, samples=Items([how(opened(i)) for i in range(len(domain))]), keys=None)


def cifar(seed: int, *, since: int, how: dict[str, Picture | None]) -> dict[str, Domain]:
    """700 pictures each, none twice."""
    whole = read(DATA / "cifar10_subset" / "train.parquet")
    order = np.random.default_rng([5, seed]).permutation(len(whole))[since:]
    parts = {name: whole.take(order[700 * k : 700 * (k + 1)]) for k, name in enumerate(how)}
    return {name: parts[name] if change is None else redrawn(parts[name], change) for name, change in how.items()}


def made(name: str, seed: int) -> dict[str, Domain]:
    """The domains of a world that is made here."""
    if name == "cifar_styles":
        return cifar(seed, since=0, how={"plain": None, "posterised": posterised, "inverted": ImageOps.invert})
    if name == "cifar_edges":
        return cifar(seed, since=2100, how={"plain": None, "edges": edges})
    if name.startswith("office"):
        pictures = office(DATA / "office_caltech10", seed)
        here, there, how = {"office_edges": ("webcam", "amazon", edges)}.get(
            name, ("amazon", "caltech10", ImageOps.invert)
        )
    else:
        pictures, here, there = all_digits(DATA / "digits", seed), "mnist", "usps"
        pictures = {key: some(pictures[key], 1000, seed) for key in (here, there)}
        how = ImageOps.invert if name == "digits_inverted" else edges
    return {here: pictures[here], f"{there} redrawn": redrawn(pictures[there], how)}


MADE = ("cifar_styles", "office_edges", "digits_inverted", "cifar_edges", "office_inverted", "digits_outlined")
"""The last three were held out."""


def fitted(source: Domain, target: Domain, embedder: Embedder, seed: int) -> Fits:
    """Source only and every candidate, on one pair."""
    target = numbered_as(target, source)
    target = target.take(np.random.default_rng([seed, len(source)]).permutation(len(target)))
    backbone = find_backbone(None, source.kind)
    if source.kind == "features":
        backbone = replace(backbone, width=source.features.shape[1])
    task = AdaptationTask(source, None, backbone, embedder, seed, unlabeled=target.unlabeled())
    models = {"source-only": SourceOnly().adapt(task)}
    models |= {name: method.adapt(task) for name, method in Auto().candidate_methods().items()}
    rows, inputs = task.embed(task.train), task.target_features()
    evidence = [see(model, task, rows, inputs) for model in models.values()]
    return Fits(list(models), evidence, standings(evidence, list(models)), target.y)


def row(every: list[Fits], accuracies: list[float]) -> dict[str, float]:
    """Mean accuracy, mean gap to hindsight, and the worst difference to source only."""
    ours = np.array(accuracies)
    gap = np.array([max(each.accuracies) for each in every]) - ours
    worst = (ours - [each.accuracies[0] for each in every]).min()
    return {"accuracy": round(ours.mean(), 2), "gap": round(gap.mean(), 2), "worst": round(float(worst), 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = [name for name, (_, _, asked) in SETS.items() if not asked.settings and asked.backbone is None]
    parser.add_argument("names", nargs="*", default=[*known, *MADE])
    parser.add_argument("--seeds", default="0", help="numbers with commas between")
    parser.add_argument("--rows", type=int, help="examples of each domain, at most")
    args = parser.parse_args()
    embedder, written = Embedder(FeatureStore()), RESULTS / "adaptation_rules.json"
    for name in args.names:
        every = []
        for seed in map(int, args.seeds.split(",")):
            domains = made(name, seed) if name in MADE else SETS[name][0](Path(DATA) / SETS[name][1], seed)
            domains = {key: some(d, args.rows or len(d), seed) for key, d in domains.items()}
            listed = [(a, b) for a in domains for b in domains if a != b] if name in MADE else pairs_of(name, domains)
            for source, target in listed:
                every.append(fitted(domains[source], domains[target], embedder, seed))
                print(
                    name,
                    seed,
                    source,
                    target,
                    dict(zip(every[-1].names, every[-1].accuracies, strict=True)),
                    flush=True,
                )
        names = every[0].names
        rows = {n: row(every, [f.accuracies[k] for f in every]) for k, n in enumerate(names)}
        rows |= {n: row(every, [f.accuracy(rule(f)) for f in every]) for n, rule in RULES.items()}
        found = {"pairs": len(every), "held out": name in MADE[3:], "rules": rows, "command": command()}
        figures = json.loads(written.read_text())["figures"] if written.exists() else {}
        record("adaptation_rules", figures | {name: found})


if __name__ == "__main__":
    main()
