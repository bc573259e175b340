"""An encoder of translations carried to another language, beside the same network from scratch.

Multi30k: English to German is learned from 20,000 pairs without any weights from elsewhere. Its encoder is then shared
with English to French, of which 1,000 other pairs are known; beside it the same encoder (tokenizer too) with random
weights, with the same pairs and epochs, each at the default rates for what it is. Three seeds draw the pairs and the
order of training; chrF and BLEU are of the 1,000 captions of the test part. Nothing was chosen by a figure; `--part
val` is there to choose settings by.

python benchmarks/translation.py [--short] [--part val] [--encoder FOLDER]
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path
from typing import Any

import numpy as np

from record import DATA, record
from transferium.artifact import Artifact
from transferium.data.domain import Domain
from transferium.data.read import read
from transferium.embedding.embed import Embedder
from transferium.evaluation.references import answers_on
from transferium.job.run_backbone import named_backbone
from transferium.methods.task import Task
from transferium.methods.writing.translate import Translate
from transferium.models.backbone import Backbone
from transferium.models.catalogue import find_backbone, randomised
from transferium.models.modality import giving
from transferium.problems.texts import written

SEEDS, KNOWN, FEW = range(3), 20_000, 1_000
FIRST, SECOND = Translate(epochs=4, pieces=2500), Translate(epochs=10, pieces=1000, batch_size=32)
SHORT = Translate(epochs=2, pieces=600), Translate(epochs=3, pieces=400)


def pairs(file: Path, other: str) -> Domain:
    """English captions with their translations."""
    rows = list(csv.DictReader(file.open(encoding="utf-8")))
    return read([row["en"] for row in rows], kind="text", label=[row[other] for row in rows], problem="translation")


def fitted(
    method: Translate, train: Domain, test: Domain, backbone: Backbone, seed: int, state: Path | None = None
) -> tuple[Any, Any, float]:
    """The fitted model, its answers for ``test``, and the seconds of the fit."""
    started = time.perf_counter()
    task = Task(train, None, backbone, Embedder(None), seed, workdir=state)
    found = method.fit(task)
    seconds = time.perf_counter() - started
    return found, answers_on(task, found, test)[0], seconds


def figures(test: Domain, outputs: Any, seconds: float) -> dict[str, Any]:
    found = test.posed.evaluate(test.y, outputs, seed=0)
    print(f"  chrF {found['chrf']}, BLEU {found['bleu']}, {seconds:.0f} s", flush=True)
    return {"chrf": found["chrf"].as_dict(), "bleu": found["bleu"].as_dict(), "seconds": round(seconds, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument(
        "--part", default="test", choices=("test", "val"), help="what is measured on; val writes no file"
    )
    parser.add_argument("--encoder", type=Path, help="where English to German is kept, and taken from if it is there")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--short", action="store_true", help="600 pairs, 200 pairs, one seed, and no file")
    given = parser.parse_args()
    folder = given.data / "multi30k"
    first, second = SHORT if given.short else (FIRST, SECOND)
    known, few, asked = (600, 200, 100) if given.short else (KNOWN, FEW, None)
    german, french = (pairs(folder / "train.csv", other) for other in ("de", "fr"))
    tests = {other: pairs(folder / f"{given.part}.csv", other) for other in ("de", "fr")}
    if asked:
        tests = {other: domain.take(range(asked)) for other, domain in tests.items()}
    told: dict[str, Any] = {}
    if given.encoder is None or not given.encoder.is_dir():
        print("English to German")
        start = giving(find_backbone("small_transformer", "text"), "tokens")
        state = None if given.encoder is None else given.encoder.with_suffix(".state")
        learned, outputs, seconds = fitted(first, german.take(range(known)), tests["de"], start, 0, state)
        told["en_de"] = figures(tests["de"], outputs, seconds)
        shared = learned.backbone
        if given.encoder is not None:
            Artifact(learned.backbone, learned.head, german.posed).save(given.encoder)
    else:
        shared = named_backbone(given.encoder, "text")
    runs = []
    for seed in SEEDS[:1] if given.short else given.seeds:
        drawn = known + np.random.default_rng(seed).permutation(len(french) - known)[:few]
        train, test, answers, run = french.take(np.sort(drawn)), tests["fr"], {}, {"seed": seed}
        for name, backbone in (("shared", shared), ("scratch", randomised(shared, seed))):
            print(f"English to French, seed {seed}, {name}")
            _, answers[name], seconds = fitted(second, train, test, backbone, seed)
            run[name] = figures(test, answers[name], seconds)
        run["difference"] = test.posed.compare(test.y, answers["shared"], answers["scratch"], seed=seed).as_dict()
        run["first answers"] = [written(answers["shared"][i]) for i in range(3)]
        print("  ", run["difference"], run["first answers"], flush=True)
        runs.append(run)
    if not given.short and given.part == "test":
        record("translation", told | {"methods": [first.to_json(), second.to_json()], "runs": runs})


if __name__ == "__main__":
    main()
