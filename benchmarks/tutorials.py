"""What the usual recipes of transfer-learning articles get wrong, each with a figure: docs/from-tutorials.md.

python benchmarks/tutorials.py [PART …] [--short]

Without a name all parts run, and each is written beside those that were measured before:

- ``frozen_sgd``: ants vs bees, frozen backbone and a new layer by SGD 0.001/0.9 in 25 epochs, beside the probe.
- ``last_layer``: CIFAR-10, 30 labels a class at 64 pixels: the last layer alone, beside everything trained (LP-FT).
- ``batch_norm``: ants vs bees: what a pass in training mode does to features that are said to be frozen.
- ``best_epoch``: ants vs bees with shuffled labels: the best of 25 validation accuracies, the last one, and that of an
  epoch chosen on a held-out part of train; 100 shuffles.
- ``printed_loss``: ants vs bees: the loss of one model as it is printed when means of batches are divided by samples.
- ``fit_in_loop``: ants vs bees: ``fit`` called twenty times, ``partial_fit`` called twenty times.
- ``long_adamw``: CIFAR-10, 5 labels a class at 32 pixels, one seed: AdamW 1e-4 for 200 epochs, and for 20.
- ``all_adam``: CIFAR-10, 10 labels a class at 48 pixels: Adam 1e-4 for 20 epochs, the best kept.
- ``dense``: CIFAR-10 at 64 pixels: a hidden layer of 256 beside the probe, and how wide a report's F1 by class is.
- ``masked``: WikiText-2 (part): what a model that has learned nothing pays where all tokens count, not the hidden ones.
- ``next_sentence``: the same text: how often counting common words tells a next segment from one of another document.
- ``denoising``: MNIST: what the noisy picture itself costs, the mean picture, and the trained network; then probes.
- ``linear_map``: Office amazon to webcam: pairs at random and a pull to nought, beside ``linear-map``.
- ``penalty``: Office amazon to webcam, all classes and three of ten: each weight of the transfer term of ``dan``.

Seeds are 0, 1 and 2 wherever something is random; 0 alone in ``long_adamw``. Accuracies are in per cent, with their
95 % intervals.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import transferium as tm
from few_shots import run as fit
from record import DATA, RESULTS, record
from transferium.data.domain import Domain
from transferium.embedding.embed import Embedder
from transferium.embedding.store.store import FeatureStore
from transferium.functional.bootstrap import interval_over_draws, mean_interval
from transferium.functional.linear_classifier import softmax
from transferium.methods.catalogue import find_method
from transferium.methods.task import Task
from tutorial_objectives import denoising, linear_map, masked, next_sentence, penalty, percent

SEEDS = (0, 1, 2)
Array = NDArray[Any]
Examples = tuple[Array, Array]


@cache
def ants_and_bees(data: Path) -> tuple[Examples, Examples]:
    """Frozen features and labels of train and of val."""
    domain = tm.read(data / "hymenoptera")
    parts = (domain.part("train"), domain.part("val"))
    train, val = ((tm.embed(part, verbose=False), part.y) for part in parts)
    return train, val


def by_sgd(train: Examples, seed: int, *, batch: int = 4, divisor: float = 1, falls: float = 0.1) -> list[Array]:
    """A linear layer with its bias after each of 25 epochs, ``(width + 1, 2)``: SGD 0.001/0.9, a tenth every 7."""
    rng = np.random.default_rng(seed)
    x, y = np.column_stack([train[0], np.ones(len(train[1]))]), np.eye(2)[train[1]]
    layer = rng.uniform(-1, 1, (x.shape[1], 2)) / np.sqrt(x.shape[1])
    speed, after = np.zeros_like(layer), []
    for epoch in range(25):
        for rows in np.array_split(rng.permutation(len(x)), np.ceil(len(x) / batch)):
            slope = x[rows].T @ (softmax(x[rows] @ layer) - y[rows]) / len(rows) / divisor
            speed = 0.9 * speed + slope
            layer = layer - 0.001 * falls ** (epoch // 7) * speed
        after.append(layer)
    return after


def answers(layer: Array, x: Array) -> Array:
    """Probabilities ``(n, 2)``."""
    return np.asarray(softmax(np.column_stack([x, np.ones(len(x))]) @ layer))


def log_loss(layer: Array, examples: Examples) -> float:
    return float(-np.log(answers(layer, examples[0])[np.arange(len(examples[1])), examples[1]]).mean())


def right(layer: Array, examples: Examples) -> Array:
    return np.asarray(answers(layer, examples[0]).argmax(axis=1) == examples[1])


def told(metrics: dict[str, Any]) -> dict[str, Any]:
    """Accuracy and log-loss of a run on its held-out examples, with intervals."""
    test = metrics["test"]
    return {"accuracy": {k: round(100 * v, 1) for k, v in test["accuracy"].items()}, "log_loss": test["log_loss"]}


def frozen_sgd(asked: argparse.Namespace) -> dict[str, Any]:
    folder, found = asked.data / "hymenoptera", {}
    for name, more in {"frozen-sgd": ("--set", "augment=none"), "probe": ()}.items():
        runs, begin = [], time.process_time()
        for seed in asked.seeds:
            runs.append(told(fit(folder, "--method", name, "--seed", seed, *more)))
        found[name] = {
            "accuracy_mean": round(float(np.mean([run["accuracy"]["value"] for run in runs])), 1),
            "log_loss_mean": round(float(np.mean([run["log_loss"]["value"] for run in runs])), 3),
            "cpu_seconds_a_run": round((time.process_time() - begin) / len(runs), 1),
            "runs": runs,
        }
    train, val = ants_and_bees(asked.data)
    loops = [by_sgd(train, seed) for seed in asked.seeds]
    found["the article's loop on stored features, last epoch"] = {
        "accuracy": percent(interval_over_draws(np.array([right(loop[-1], val) for loop in loops]), seed=0)),
        "log_loss_mean": round(float(np.mean([log_loss(loop[-1], val) for loop in loops])), 3),
    }
    pictures = len(train[1]) + len(val[1])
    return found | {"pictures through the network": {"article": 25 * pictures, "probe": pictures}}


@cache
def cifar(data: Path, each: int, seed: int) -> tuple[Domain, Domain]:
    """``each`` training examples a class, drawn by the seed, and 1,000 test examples."""
    whole = tm.read(data / "cifar10_subset")
    train, test = (replace(whole.part(part), parts=None) for part in ("train", "test"))
    order = np.random.default_rng(seed).permutation(len(train))
    drawn = np.concatenate([order[train.y[order] == k][:each] for k in range(10)])
    return train.take(np.sort(drawn)), test.take(np.arange(0, len(test), 2))


def trained(asked: argparse.Namespace, side: int, each: int, ways: dict[str, tuple[str, dict[str, Any]]]) -> Any:
    """Accuracy of each way with ``each`` labels a class, over seeds, and its difference to the first way's."""
    backbone = tm.find_backbone(None, "image", size=side)
    correct: dict[str, list[Array]] = {name: [] for name in ways}
    loss: dict[str, list[float]] = {name: [] for name in ways}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for seed in asked.seeds:
        train, test = cifar(asked.data, each, seed)
        for name, (method, settings) in ways.items():
            short = {"epochs": 1} if asked.short and "epochs" in settings else {}
            begin, embedder = time.process_time(), Embedder(FeatureStore())
            model = find_method(method, settings | short).fit(Task(train, None, backbone, embedder, seed))
            seconds[name].append(round(time.process_time() - begin, 1))
            outputs = model.head.outputs(Embedder(None, engine="torch")(test, model.backbone)[0].features)
            correct[name].append(outputs.argmax(axis=1) == test.y)
            loss[name].append(float(-np.log(np.maximum(outputs[np.arange(len(test)), test.y], 1e-12)).mean()))
            print(seed, name, correct[name][-1].mean(), seconds[name][-1], flush=True)
    first = np.array(next(iter(correct.values())), float)
    return {
        name: {
            "accuracy": percent(interval_over_draws(np.array(hits), seed=0)),
            "minus_first": percent(mean_interval((np.array(hits, float) - first).mean(axis=0), seed=0)),
            "log_loss_mean": round(float(np.mean(loss[name])), 3),
            "cpu_seconds": seconds[name],
        }
        for name, hits in correct.items()
    }


def last_layer(asked: argparse.Namespace) -> dict[str, Any]:
    ways = {
        "last layer alone": ("finetune", {"unfreeze": "none", "augment": "none", "epochs": 8}),
        "probe": ("probe", {}),
        "everything, after the probe": ("lp-ft", {"epochs": 8}),
    }
    network = tm.find_backbone(None, "image").build()
    all_of_it = sum(p.numel() for p in network.parameters())
    head = 10 * (1280 + 1)
    share = round(100 * head / (head + all_of_it), 2)
    return {"per cent of weights that move": share} | trained(asked, 64, 30, ways)


def long_adamw(asked: argparse.Namespace) -> dict[str, Any]:
    alike = {"lr": 1e-4, "head_lr": 1e-4}
    ways = {
        "probe": ("probe", {}),
        "200 epochs, the last": ("all-adamw", alike | {"epochs": 200, "best_epoch": "last"}),
        "20 epochs, the last": ("all-adamw", alike | {"epochs": 20, "best_epoch": "last"}),
        "LP-FT": ("lp-ft", {"epochs": 8}),
    }
    one = argparse.Namespace(**vars(asked) | {"seeds": asked.seeds[:1]})  # it takes long
    steps = 200  # 40 pictures to learn from are one batch
    shrunk = 100 * (1 - (1 - 1e-4 * 1e-4) ** steps)
    return {"steps": steps, "per cent that the decay takes from a weight": round(shrunk, 5)} | trained(one, 32, 5, ways)


def all_adam(asked: argparse.Namespace) -> dict[str, Any]:
    ways = {
        "probe": ("probe", {}),
        "Adam 1e-4, 20 epochs, best": ("all-adam", {"epochs": 20}),
        "LP-FT": ("lp-ft", {"epochs": 8}),
    }
    return dict(trained(asked, 48, 10, ways))


def batch_norm(asked: argparse.Namespace) -> dict[str, Any]:
    """Every parameter has ``requires_grad=False``; one pass over train in batches of 4, in training mode."""
    import torch

    domain = tm.read(asked.data / "hymenoptera")
    backbone = tm.find_backbone(None, "image", size=128)
    pictures = {part: _pixels(domain.part(part), backbone) for part in ("train", "val")}
    y = {part: domain.part(part).y for part in pictures}
    found: dict[str, list[Any]] = {"moved": [], "before": [], "after": [], "refitted": []}
    for seed in asked.seeds:
        network = backbone.build().requires_grad_(False)
        before = {part: _features(network, x) for part, x in pictures.items()}
        weights = [p.clone() for p in network.parameters()]
        order = np.random.default_rng(seed).permutation(len(pictures["train"]))
        network.train()
        with torch.no_grad():
            for rows in np.array_split(order, len(order) // 4):
                network(pictures["train"][rows])
        assert all(torch.equal(a, b) for a, b in zip(weights, network.parameters(), strict=True))
        after = {part: _features(network, x) for part, x in pictures.items()}
        far = np.linalg.norm(after["val"] - before["val"], axis=1) / np.linalg.norm(before["val"], axis=1)
        head, again = (_solved(x["train"], y["train"]) for x in (before, after))
        found["moved"].append(float(np.median(far)))
        found["before"].append(head.predict(before["val"]) == y["val"])
        found["after"].append(head.predict(after["val"]) == y["val"])
        found["refitted"].append(again.predict(after["val"]) == y["val"])
        print(
            seed, found["moved"][-1], *(found[name][-1].mean() for name in ("before", "after", "refitted")), flush=True
        )
    lost = np.mean(np.array(found["after"], float) - np.array(found["before"], float), axis=0)
    moving = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    return {
        "parameters that moved": 0,
        "running means and variances that moved": sum(2 * m.num_features for m in moving),
        "median change of a feature row, per cent of its length": [round(100 * m, 1) for m in found["moved"]],
        "head of the frozen features": percent(interval_over_draws(np.array(found["before"]), seed=0)),
        "the same head afterwards": percent(interval_over_draws(np.array(found["after"]), seed=0)),
        "afterwards minus before": percent(mean_interval(lost, seed=0)),
        "a head solved anew afterwards": percent(interval_over_draws(np.array(found["refitted"]), seed=0)),
    }


def _pixels(domain: Domain, backbone: Any) -> Any:
    import torch

    from transferium.data.images.decode import decode

    assert backbone.preprocess is not None
    made = [backbone.preprocess(decode(Path(raw).read_bytes(), None)) for raw in _files(domain)]
    return torch.from_numpy(np.stack(made))


def _files(domain: Domain) -> list[Path]:
    root = DATA / "hymenoptera"
    return [root / name for name in domain.ids]


def _features(network: Any, pictures: Any) -> Array:
    import torch

    network.eval()
    with torch.no_grad():
        return np.concatenate([network(block).numpy() for block in pictures.split(32)])


def _solved(x: Array, y: Array) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=1000).fit(x, y)


def best_epoch(asked: argparse.Namespace) -> dict[str, Any]:
    """Labels are shuffled within train and within val: no layer can know anything."""
    (x, y), (x_val, y_val) = ants_and_bees(asked.data)
    found: dict[str, Any] = {}
    ways = {"153 pictures": (0.1, 153), "153 pictures, rate stays": (1.0, 153), "40 pictures, rate stays": (1.0, 40)}
    for name, (falls, count) in ways.items():
        rows: dict[str, list[float]] = {"best": [], "last": [], "chosen on a part of train": []}
        for seed in range(10 if asked.short else 100):
            rng = np.random.default_rng(seed)
            train, val = (
                (x, rng.permutation(y)),
                (x_val[:: len(y_val) // count], rng.permutation(y_val[:: len(y_val) // count])),
            )
            each = [float(right(layer, val).mean()) for layer in by_sgd(train, seed, falls=falls)]
            held, rest = np.split(rng.permutation(len(y)), [len(y) // 5])
            layers = by_sgd((x[rest], train[1][rest]), seed, falls=falls)
            chosen = int(np.argmax([right(layer, (x[held], train[1][held])).mean() for layer in layers]))
            for row, value in zip(rows, (max(each), each[-1], float(right(layers[chosen], val).mean())), strict=True):
                rows[row].append(value)
        found[name] = {row: percent(mean_interval(np.array(values), seed=0)) for row, values in rows.items()}
    return found


def printed_loss(asked: argparse.Namespace) -> dict[str, Any]:
    """``sum of the batches' mean losses / number of samples``, for one model; and training on a loss divided so."""
    train, val = ants_and_bees(asked.data)
    found: dict[str, Any] = {"a coin": round(float(np.log(2)), 3)}
    layers = [by_sgd(train, seed)[-1] for seed in asked.seeds]
    found["log_loss"] = round(float(np.mean([log_loss(layer, val) for layer in layers])), 4)
    for batch in (4, 32):
        cut = [(val[0][i : i + batch], val[1][i : i + batch]) for i in range(0, len(val[1]), batch)]
        printed = [sum(log_loss(layer, block) for block in cut) / len(val[1]) for layer in layers]
        untrained = sum(log_loss(np.zeros((1281, 2)), block) for block in cut) / len(val[1])
        found[f"printed at batch {batch}"] = round(float(np.mean(printed)), 4)
        found[f"a coin, printed at batch {batch}"] = round(untrained, 4)
    for batch in (4, 32):
        for divisor, name in ((1, "mean"), (batch, "mean divided by batch")):
            slow = [by_sgd(train, seed, batch=batch, divisor=divisor)[-1] for seed in asked.seeds]
            found[f"log_loss after training on the {name}, batch {batch}"] = round(
                float(np.mean([log_loss(layer, val) for layer in slow])), 3
            )
    return found


def fit_in_loop(asked: argparse.Namespace) -> dict[str, Any]:
    from sklearn.linear_model import LogisticRegression, SGDClassifier

    (x, y), val = ants_and_bees(asked.data)
    model, weights, seconds = LogisticRegression(max_iter=1000), [], []
    for _ in range(20):
        begin = time.process_time()
        weights.append(model.fit(x, y).coef_.copy())
        seconds.append(time.process_time() - begin)
    rows: dict[str, list[float]] = {"fit twenty times": [], "fit once": [], "partial_fit twenty times": []}
    for seed in asked.seeds:
        given = {"loss": "log_loss", "learning_rate": "constant", "eta0": 0.001, "random_state": seed, "tol": None}
        for name, call, times in (
            ("fit twenty times", "fit", 20),
            ("fit once", "fit", 1),
            ("partial_fit twenty times", "partial_fit", 20),
        ):
            slow = SGDClassifier(max_iter=1, **given)
            for _ in range(times):
                slow.partial_fit(x, y, classes=[0, 1]) if call == "partial_fit" else slow.fit(x, y)
            rows[name].append(float(-np.log(slow.predict_proba(val[0])[np.arange(len(val[1])), val[1]]).mean()))
    return {
        "largest difference of twenty solutions": float(np.abs(np.diff(weights, axis=0)).max()),
        "times the seconds of one fit": round(sum(seconds) / float(np.median(seconds)), 1),
        "log_loss of one epoch of SGD": {name: round(float(np.mean(v)), 4) for name, v in rows.items()},
    }


def dense(asked: argparse.Namespace) -> dict[str, Any]:
    """The hidden layer by the recipe, on features that are computed once; and F1 by class of the probe's run."""
    ways = {"probe": ("probe", {}), "256 units, Adam 1e-4": ("frozen-dense", {"augment": "none", "epochs": 20})}
    found = dict(trained(asked, 64, 200, ways))
    metrics = fit(asked.data / "cifar10_subset", "--method", "probe", "--set", "size=64")
    f1 = {row["class"]: row["f1"] for row in metrics["test"]["per_class"]}
    names = sorted(f1, key=lambda name: f1[name]["value"])
    beside = [name for name in names[1:] if f1[name]["low"] <= f1[names[0]]["high"]]
    return found | {
        "f1 by class, 2,000 test pictures": {name: {k: round(v, 3) for k, v in f1[name].items()} for name in names},
        "mean width of an interval": round(float(np.mean([r["high"] - r["low"] for r in f1.values()])), 3),
        "classes whose interval meets that of the worst": beside,
    }


PARTS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "frozen_sgd": frozen_sgd,
    "last_layer": last_layer,
    "batch_norm": batch_norm,
    "best_epoch": best_epoch,
    "printed_loss": printed_loss,
    "fit_in_loop": fit_in_loop,
    "long_adamw": long_adamw,
    "all_adam": all_adam,
    "dense": dense,
    "masked": masked,
    "next_sentence": next_sentence,
    "denoising": denoising,
    "linear_map": linear_map,
    "penalty": penalty,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--short", action="store_true", help="one seed, one epoch: shows that everything runs")
    parser.add_argument("--data", type=Path, default=DATA)
    asked = parser.parse_args()
    asked.seeds = SEEDS[:1] if asked.short else SEEDS
    file = RESULTS / "tutorials.json"
    for name in asked.parts or PARTS:
        begin = time.process_time()
        figures = PARTS[name](asked) | {"cpu_seconds_in_all": round(time.process_time() - begin, 1)}
        before = {} if asked.short or not file.exists() else json.loads(file.read_text())["figures"]
        record("tutorials", before | {name: figures}, dry=asked.short)


if __name__ == "__main__":
    main()
