"""Entities of WNUT-17: the probe on frozen words and LoRA, beside a conditional random field on surface features.

The field (sklearn-crfsuite) sees the word and its neighbours in lower case, whether they begin or are all capitals or
digits, and the first and last letters. Its penalties are chosen by span F1 on the development part, in its favour; the
probe and LoRA choose inside the training part and never see the development part. LoRA has its usual settings but for
the number of epochs. Figures of all are by the same code.

python benchmarks/entities.py [--tuned] [--short]
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import sklearn_crfsuite

from record import DATA, record
from transferium.data.domain import Domain
from transferium.data.read import read
from transferium.embedding.embed import Embedder
from transferium.embedding.store.store import FeatureStore
from transferium.evaluation.references import NAIVE, answers_on
from transferium.functional.sequences.ragged import ragged
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.method import Method
from transferium.methods.peft.low_rank_tuning import LoRA
from transferium.methods.task import Task
from transferium.models.backbone import Backbone
from transferium.models.catalogue import find_backbone, randomised

GRID = ((0.1, 0.1), (0.01, 0.1), (0.1, 0.01), (0.3, 0.03))
"""Penalties of the field, of absolute and of squared weights."""
SHORT, EPOCHS = 600, 5
PENALTY = 3.16228
"""What the probe chooses (``results/entities.json``): beside LoRA it does not choose again, which takes minutes."""
PARTS = {"dev": "val", "test": "test"}


def surface(words: tuple[str, ...], i: int) -> dict[str, Any]:
    """What a field sees of a word: itself and its neighbours by their letters, capitals and digits."""
    word, seen = words[i], {"bias": 1.0}
    for step in (-1, 0, 1):
        if 0 <= i + step < len(words):
            near = words[i + step]
            seen |= {f"{step} {near.lower()}": 1.0, f"{step} title": near.istitle(), f"{step} upper": near.isupper()}
            seen[f"{step} digits"] = near.isdigit()
        else:
            seen[f"{step} end"] = 1.0
    ends = (word[-3:], word[-2:], word[:3], word[:2])
    return seen | {f"{place} {letters}": 1.0 for place, letters in zip("cdab", ends, strict=True)}


def field(train: Domain, dev: Domain, asked: dict[str, Domain]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Outputs of 0 and 1 of the field that is best on ``dev``, for each part that is asked; and what was chosen."""
    problem = train.posed
    tags = ["O", *(f"{prefix}-{name}" for name in problem.names for prefix in "BI")]

    def seen(domain: Domain) -> list[list[dict[str, Any]]]:
        sentences = [domain.samples.raw(i).words for i in range(len(domain))]
        return [[surface(words, i) for i in range(len(words))] for words in sentences]

    def outputs(model: Any, domain: Domain) -> Any:
        place = {tag: i for i, tag in enumerate(tags)}
        return ragged(np.eye(len(tags))[[place[tag] for tag in one]] for one in model.predict(seen(domain)))

    inputs, labels = seen(train), [[tags[tag] for tag in one] for one in train.y]
    fitted = {}
    for c1, c2 in GRID:
        model = sklearn_crfsuite.CRF(c1=c1, c2=c2, max_iterations=100, all_possible_transitions=True)
        model.fit(inputs, labels)
        fitted[c1, c2] = (problem.merit(dev.y, outputs(model, dev)), model)
    chosen = max(fitted, key=lambda pair: fitted[pair][0])
    best = fitted[chosen][1]
    return {part: outputs(best, domain) for part, domain in asked.items()}, {"c1": chosen[0], "c2": chosen[1]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--short", action="store_true", help=f"the first {SHORT} sentences to train, and no file")
    parser.add_argument("--tuned", action="store_true", help="LoRA beside the probe, in place of the field")
    given = parser.parse_args()
    whole = read(given.data / "wnut17", problem="entities")
    train = whole.part("train")
    train = train.take(range(SHORT)) if given.short else train
    parts = {name: whole.part(part) for name, part in PARTS.items()}
    problem, embedder = whole.posed, Embedder(FeatureStore())
    backbone, outputs, seconds = find_backbone(None, "sentence"), {}, {}
    figures: dict[str, Any] = {"train": len(train), "types": list(problem.names)}
    learners: dict[str, tuple[Method, Backbone]] = {
        "probe": (LinearProbe(Cs=(PENALTY,)) if given.tuned else LinearProbe(), backbone),
        **(
            {"lora": (LoRA(epochs=1 if given.short else EPOCHS), backbone)}
            if given.tuned
            else {"random weights": (LinearProbe(), randomised(backbone))}
        ),
    }
    for name, (method, network) in learners.items():
        task = Task(train, None, network, embedder, 0)
        for domain in (train, *parts.values()):
            task.embed(domain)  # so that the seconds are those of fitting alone
        started = time.perf_counter()
        fitted = method.fit(task)
        seconds[name] = time.perf_counter() - started
        outputs[name] = {part: answers_on(task, fitted, domain)[0] for part, domain in parts.items()}
        figures[name] = {"chosen": fitted.selection.chosen}
    if not given.tuned:
        started = time.perf_counter()
        outputs["field on surface features"], chosen = field(train, parts["dev"], parts)
        seconds["field on surface features"] = time.perf_counter() - started
        figures["field on surface features"] = {"chosen": chosen}
    known = NAIVE["entities"][1]
    task = Task(train, None, backbone, embedder, 0)
    outputs["known entities"] = {part: known(task, replace(domain)) for part, domain in parts.items()}
    for name, answers in outputs.items():
        told = figures.setdefault(name, {})
        for part, domain in parts.items():
            found = problem.evaluate(domain.y, answers[part], seed=0)
            told[part] = {figure: found[figure].as_dict() for figure in ("span_f1", "span_precision", "span_recall")}
        told["seconds"] = round(seconds.get(name, 0.0), 1)
    ours = "lora" if given.tuned else "probe"
    figures[f"{ours} against"] = {
        name: {p: problem.compare(d.y, outputs[ours][p], outputs[name][p], seed=0).as_dict() for p, d in parts.items()}
        for name in outputs
        if name != ours
    }
    record("entities_tuned" if given.tuned else "entities", figures, dry=given.short)


if __name__ == "__main__":
    main()
