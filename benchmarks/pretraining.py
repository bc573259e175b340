"""Pretraining without labels on three questions; what is held out is read once, at the end of each epoch.

python benchmarks/pretraining.py [language pictures domain] [--short] [--epochs N] [--seeds N] [--reviews N]
                                 [--methods probe,finetune]

- ``language``: a small BERT from scratch on ``lm_text/wikitext2_valid.txt`` by ``mlm,nsp``: held-out loss of masked
  tokens beside a guess by how often each occurs, accuracy of next-sentence prediction.
- ``pictures``: ``dae`` on ``digits/mnist`` without labels, then fine-tuning, LP-FT and a probe with 10 labels a class,
  beside the same network from random weights, over seeds; 2,000 pictures take no part in either and are the test.
- ``domain``: the bundled text encoder, and the same after ``mlm`` on ``amazon_reviews/books`` without labels; then the
  probe and fine-tuning (``--methods``) with 100 labels, tested on 2,000 other reviews that took no part in either.
  ``--reviews`` of them are read without labels (0: all the others).

``--short`` takes minutes and says little; it shows that everything runs.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import transferium as tm
from record import DATA, RESULTS, record
from transferium.data.domain import Domain
from transferium.embedding.embed import Embedder
from transferium.job.few_shots.draw_shots import draw_shots
from transferium.job.pretrain.run import options_of, pretrain_job
from transferium.methods.catalogue import find_method
from transferium.methods.task import Task
from transferium.models.backbone import Backbone
from transferium.problems.class_evaluation import evaluate
from transferium.system.display import Display

#: Length and rate were looked at on another text, lm_text/wikitext2_test.txt; the rest is usual.
LANGUAGE = {"epochs": 60, "batch_size": 16, "lr": 2e-3, "layers": 2, "width": 128, "heads": 4, "length": 128}
LANGUAGE |= {"vocabulary": 2000, "dropout": 0.0}
#: Chosen on a part of those pictures that are no test: masking of 50 and 80 %, warping of 0.5 to 0.9.
PICTURES = {"epochs": 15, "noise": "warping", "strength": 0.9}
DOMAIN = {"epochs": 2, "length": 128}
TEST, LABELS = 2000, 10


def pretrained(corpus: Any, objective: str, settings: dict[str, Any], folder: Path, seed: int = 0, **more: Any) -> Any:
    """The facts of a pretraining, whose encoder is in ``folder``."""
    options = options_of(objective, settings, out=folder, seed=seed, **more)
    return pretrain_job(corpus, options, Display(bars=False))


def language(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    corpus = asked.data / "lm_text" / "wikitext2_valid.txt"
    settings = LANGUAGE | ({"epochs": 1} if asked.short else {}) | ({"epochs": asked.epochs} if asked.epochs else {})
    start, cpu = time.perf_counter(), time.process_time()
    facts = pretrained(corpus, "mlm,nsp", settings, folder)
    held, unigram = facts["held_out"], facts["beside"]["guess by frequency"]
    return {
        "settings": settings,
        "counts": facts["counts"],
        "seconds": round(time.perf_counter() - start),
        "cpu_seconds": round(time.process_time() - cpu),
        "held_out": held,
        "guess_by_frequency": unigram,
        "nats_below": round(unigram - held["mlm"], 3),
    }


def few_labels(backbone: Backbone, method: str, train: Domain, test: Domain, seed: int, **settings: Any) -> float:
    """Test accuracy of ``method`` on ``train`` from this backbone."""
    task = Task(train, None, backbone, Embedder(None, engine="torch"), seed)
    fitted = find_method(method, settings).fit(task)
    answers = fitted.head.outputs(task.embed(test, fitted.backbone).features)
    return float(evaluate(test.y, answers, test.classes, seed=seed)["accuracy"].value)


def drawn(domain: Domain, each: int, seed: int) -> Domain:
    """``each`` examples of every class."""
    return domain.take(draw_shots(domain, each, seed=seed, draw=0))


def spread(values: list[float]) -> dict[str, Any]:
    return {"mean": round(float(np.mean(values)), 4), "sd": round(float(np.std(values, ddof=1)), 4), "each": values}


def pictures(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    domain = tm.read(asked.data / "digits" / "mnist")
    order = np.random.default_rng(0).permutation(len(domain))
    test, rest = domain.take(order[:TEST]), domain.take(order[TEST:])
    settings = PICTURES | ({"epochs": 1} if asked.short else {}) | ({"epochs": asked.epochs} if asked.epochs else {})
    facts = pretrained(rest, "dae", settings, folder)
    encoder, fresh = tm.find_backbone(folder, "image"), tm.find_backbone("small_cnn", "image")
    tuning = {"augment": "none", "epochs": 5 if asked.short else 60, "batch_size": 32, "lr": 1e-3}
    tuning |= {"layer_decay": 1.0, "batch_norm": "batch"}  # the same recipe for both
    names = ("pretrained", "pretrained, lp-ft", "from scratch", "pretrained, probe", "random, probe")
    found: dict[str, list[float]] = {name: [] for name in names}
    for seed in range(asked.seeds):
        train = drawn(rest, LABELS, seed)
        found["pretrained"].append(few_labels(encoder, "finetune", train, test, seed, **tuning))
        found["pretrained, lp-ft"].append(few_labels(encoder, "lp-ft", train, test, seed, head_lr=1e-3, **tuning))
        found["from scratch"].append(few_labels(fresh, "scratch", train, test, seed, **tuning))
        found["pretrained, probe"].append(few_labels(encoder, "probe", train, test, seed))
        found["random, probe"].append(few_labels(fresh, "probe", train, test, seed))
    figures = {name: spread(values) for name, values in found.items()}
    gains = {name: np.subtract(values, found["from scratch"]) for name, values in found.items()}
    return {
        "settings": settings,
        "tuning": tuning,
        "seconds": facts["seconds"],
        "held_out": facts["held_out"],
        "accuracy": figures,
        "points_over_scratch": {name: spread((100 * gain).round(2).tolist()) for name, gain in gains.items()},
    }


def domain_adaptive(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    reviews = tm.read(asked.data / "amazon_reviews" / "books.csv", text="text", label="label")
    order = np.random.default_rng(0).permutation(len(reviews))
    test, rest = reviews.take(order[:TEST]), reviews.take(order[TEST:])
    corpus = [str(rest.samples.raw(i)) for i in range(200 if asked.short else asked.reviews or len(rest))]
    settings = DOMAIN | ({"epochs": asked.epochs} if asked.epochs else {})
    facts = pretrained(corpus, "mlm", settings, folder, backbone="all_minilm_l6_v2")
    both = {"as it came": tm.find_backbone(None, "text"), "after mlm": tm.find_backbone(folder, "text")}
    test = test.take(np.arange(100)) if asked.short else test
    methods = asked.methods.split(",")
    found: dict[str, list[float]] = {f"{name}, {m}": [] for name in both for m in methods}
    for seed in range(asked.seeds):
        train = drawn(rest, 50, seed)
        for name, backbone in both.items():
            for method in methods:
                found[f"{name}, {method}"].append(few_labels(backbone, method, train, test, seed))
    gain = {m: np.subtract(found[f"after mlm, {m}"], found[f"as it came, {m}"]) for m in methods}
    return {
        "reviews": len(corpus),
        "settings": settings,
        "seconds": facts["seconds"],
        "held_out": facts["held_out"],
        "accuracy": {name: spread(values) for name, values in found.items()},
        "points_gained": {m: spread((100 * values).round(2).tolist()) for m, values in gain.items()},
    }


QUESTIONS: dict[str, Callable[[argparse.Namespace, Path], dict[str, Any]]] = {
    "language": language,
    "pictures": pictures,
    "domain": domain_adaptive,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("questions", nargs="*", help=", ".join(QUESTIONS))
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--reviews", type=int, default=0)
    parser.add_argument("--methods", default="probe,finetune")
    parser.add_argument("--data", type=Path, default=DATA)
    asked = parser.parse_args()
    for name in asked.questions or QUESTIONS:
        with tempfile.TemporaryDirectory() as folder:
            figures = QUESTIONS[name](asked, Path(folder) / "encoder")
        if asked.short:
            print(name, figures)
        else:
            record(f"pretraining_{name}", figures)
            print(RESULTS / f"pretraining_{name}.json")


if __name__ == "__main__":
    main()
