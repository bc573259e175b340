"""Spoken digits written down letter by letter: five speakers carried to a sixth, beside the same network from scratch.

The words of five speakers are learned without any weights from elsewhere (CTC over `small_speech`). Of the sixth
speaker one recording of each digit is known (seeds draw it): the network is trained further on these ten, beside the
same network with random weights, with the same ten and epochs, each at the rates that were better for it. Character
error is of the official test part (00 to 04) of the sixth speaker, `george`, who took no part in any choice; settings
were chosen with `theo` as the sixth.

python benchmarks/transcripts.py [--short] [--sixth george]
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from record import DATA, record
from transferium.data.domain import Domain
from transferium.data.read import read
from transferium.embedding.embed import Embedder
from transferium.evaluation.references import answers_on
from transferium.methods.task import Task
from transferium.methods.writing.ctc import CTC
from transferium.models.backbone import Backbone
from transferium.models.catalogue import find_backbone, randomised

SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SEEDS, TEST = range(3), range(5)
FIRST, ALONE = CTC(epochs=30), CTC(epochs=60, batch_size=5)
CARRIED = CTC(epochs=60, batch_size=5, lr=5e-3, lr_backbone=1e-3)
SHORT = CTC(epochs=2), CTC(epochs=4, batch_size=5), CTC(epochs=4, batch_size=5)


def spoken(folder: Path, speaker: str, numbers: Any) -> Domain:
    """Recordings of all digits by one speaker, with their words."""
    files = [folder / speaker / str(d) / f"{speaker}_{d}_{n:02d}.wav" for d in range(10) for n in numbers[d]]
    said = [DIGITS[d] for d in range(10) for _ in numbers[d]]
    return read(files, kind="sound", label=said, problem="transcription", name=speaker)


def joined(domains: list[Domain]) -> Domain:
    files = [domain.samples.raw(i) for domain in domains for i in range(len(domain))]
    said = [cell for domain in domains for cell in domain.posed.cells(domain.y, domain.samples)]
    return read(files, kind="sound", label=said, problem="transcription", name="five speakers")


def fitted(method: CTC, train: Domain, test: Domain, backbone: Backbone, seed: int) -> tuple[Any, Any, dict[str, Any]]:
    """The fitted model, its answers for ``test``, and their figures."""
    started = time.perf_counter()
    task = Task(train, None, backbone, Embedder(None, engine="torch"), seed)
    found = method.fit(task)
    seconds = time.perf_counter() - started
    outputs = answers_on(task, found, test)[0]
    measured = test.posed.evaluate(test.y, outputs, seed=0)
    print(f"  character error {measured['cer']}, words {measured['wer']}, {seconds:.0f} s", flush=True)
    figures: dict[str, Any] = {name: measured[name].as_dict() for name in ("cer", "wer")}
    return found, outputs, figures | {"seconds": round(seconds, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--sixth", default="george", choices=SPEAKERS, help="who is known by ten recordings")
    parser.add_argument("--short", action="store_true", help="few recordings and epochs, one seed, and no file")
    given = parser.parse_args()
    folder = given.data / "spoken_digits"
    first, carried, alone = SHORT if given.short else (FIRST, CARRIED, ALONE)
    numbers = range(5, 9 if given.short else 25)
    others = [spoken(folder, name, [numbers] * 10) for name in SPEAKERS if name != given.sixth]
    test, five = spoken(folder, given.sixth, [TEST] * 10), joined(others)
    start = find_backbone("small_speech", "sound")
    assert start.preprocess is not None
    start = replace(start, preprocess=start.preprocess.suited(five))
    print(f"five speakers, without {given.sixth}, who is then measured")
    learned, unseen, figures = fitted(first, five, test, start, 0)
    told: dict[str, Any] = {"sixth": given.sixth, "methods": [method.to_json() for method in (first, carried, alone)]}
    told |= {"five": {"recordings": len(five), "on the sixth": figures}}
    runs = []
    for seed in SEEDS[:1] if given.short else SEEDS:
        draw = np.random.default_rng(seed)
        ten = spoken(folder, given.sixth, [[int(draw.integers(5, 25))] for _ in range(10)])
        answers, run = {}, {"seed": seed}
        ways = (("carried over", carried, learned.backbone), ("scratch", alone, randomised(start, seed)))
        for name, method, backbone in ways:
            print(f"ten of {given.sixth}, seed {seed}, {name}")
            _, answers[name], run[name] = fitted(method, ten, test, backbone, seed)
        gains = {"scratch": answers["scratch"], "five alone": unseen}
        for name, beside in gains.items():
            gain = test.posed.compare(test.y, answers["carried over"], beside, seed=seed)
            run[f"better than {name}"] = gain.as_dict()
            print(f"  better than {name}: {gain}", flush=True)
        runs.append(run)
    if not given.short and given.sixth == "george":
        record("transcripts", told | {"runs": runs})


if __name__ == "__main__":
    main()
