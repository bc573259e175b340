"""The steps that a plan may have: when each is advised, its command, what it costs, and what was measured of it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any

from transferium.job.advise.calibrate import BATCH, Calibration
from transferium.methods.catalogue import find_method
from transferium.methods.finetuning.finetune import FineTune

MANY, SOME = 50, 20
"""Labels of a class from which fine-tuning beat the probe in our benchmark, and about equalled it."""
WHOLE_JOB = 2.0
"""A job on frozen features takes about twice the time of embedding once: 4.4 s against 2.3 (benchmarks/main_job.py)."""
ADAM = 3
"""Beside the weights, training keeps their gradient and two moments, each as large."""
FEW_LABELS = (
    "CIFAR-10 at 48 pixels, mean of 5 seeds, probe against the best of seven ways to fine-tune: 38.8 and 36.2 % with 5 "
    "labels a class, 48.9 and 49.9 with 20, 54.3 and 58.7 with 50 (python benchmarks/finetuning.py low_label)"
)
MANY_LABELS = (
    "CIFAR-10, 1,000 labels a class: LP-FT 90.2 %, the probe 77.4 (python benchmarks/finetuning.py cifar10_subset); "
    "ants vs bees, 120 a class: 94.0 and 94.2 (python benchmarks/finetuning.py hymenoptera)"
)
ON_PICTURES = "; measured on pictures alone, for {kind} examples there is no benchmark of ours"
ADAPTED = (
    "means over pairs, source only and adapted: 64.1 and 82.1 % (photographs, art, cartoons), 93.8 and 96.3 (Office), "
    "74.9 and 76.1 (reviews); worst pair 0.8 points below source only (python benchmarks/adaptation.py)"
)
CACHED = (
    "an epoch with 7 of 11 blocks frozen and cached is 2.4 times faster (python benchmarks/cached_prefix.py --images "
    "80 --unfreeze 3,4,5 --epochs 3); its accuracy is not measured beside LP-FT"
)
RANKED = (
    "of seven backbones the one recommended on 100 examples was within a point of the best on 2 of 6 image sets, the "
    "nearest of three sources for 7 of 8 targets (python benchmarks/rank.py --short)"
)
LORA = "no benchmark of ours says how accurate it is here; it keeps one gradient and its moments for far fewer weights"


@dataclass(frozen=True)
class Situation:
    """What is known before anything is fitted. ``per_class`` are the fewest labels of a class, None without labels."""

    target: str
    columns: str
    kind: str
    examples: int
    per_class: int | None
    classes: int
    sources: tuple[str, ...]
    source_examples: int
    backbone: str | None
    weights_gb: float
    memory_gb: float | None
    cost: Calibration

    def command(self, more: str) -> str:
        """A command that fits the target."""
        named = f" --backbone {shlex.quote(self.backbone)}" if self.backbone else ""
        return f"transferium fit {self.target}{self.columns}{named}{more}"


@dataclass(frozen=True)
class Step:
    """One line of a plan; ``minutes`` and ``memory_gb`` are expected, None where nothing was measured."""

    what: str
    command: str
    why: str
    evidence: str
    minutes: float | None = None
    memory_gb: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return self.__dict__.copy()


def steps_of(known: Situation) -> list[Step]:
    """The plan, in the order in which it should be followed."""
    frozen = WHOLE_JOB * (known.examples + known.source_examples) * known.cost.embed_s / 60
    # What the process had, the features, and two copies that a solver makes of them.
    room = (known.cost.frozen_gb or 0.0) + 3 * 4e-9 * known.cost.width * (known.examples + known.source_examples)
    found = []
    if known.sources:
        found += _with_sources(known, frozen, room)
    if known.per_class is not None:
        found.append(_extract(known, frozen, room))
        found += _tune(known)
    return found


def _extract(known: Situation, minutes: float, room: float) -> Step:
    why = f"a class has {known.per_class} labels or more: " + (
        "too few to move a network by" if (known.per_class or 0) < SOME else "this is the reference to beat"
    )
    return Step("extract", known.command(" --method probe --out runs/probe"), why, _of_kind(known), minutes, room)


def _tune(known: Situation) -> list[Step]:
    labels, cost = known.per_class or 0, known.cost
    if labels < SOME or cost.step_s is None:
        return []
    tuned = find_method("lp-ft", {})
    assert isinstance(tuned, FineTune)
    minutes = (known.examples * cost.step_s * tuned.epochs + known.examples * cost.embed_s) / 60
    room = None if cost.peak_gb is None else cost.peak_gb + (ADAM - 1) * known.weights_gb
    many = f"there are {labels} labels or more of each class: "
    why = many + ("enough to move the network" if labels >= MANY else "about as many as fine-tuning begins to pay from")
    said = f"{_of_kind(known)}. Memory at batches of {BATCH}; larger ones take more"
    found = [Step("tune", known.command(" --method lp-ft --out runs/lp-ft"), why, said, minutes, room)]
    cheaper = known.command(" --method finetune --set unfreeze=3 --set augment=none --out runs/partial")
    found.append(Step("tune in part", cheaper, "where tuning everything takes too long", CACHED))
    if room is not None and known.memory_gb is not None and room > 0.8 * known.memory_gb:
        small = known.command(" --method lora --out runs/lora")
        why = f"tuning everything would take about {room:.1f} of {known.memory_gb:.1f} GB"
        found.append(Step("tune an adapter", small, why, LORA))
    better = "transferium compare-runs runs/lp-ft runs/probe"
    asked = "on the same test examples: was tuning worth it?"
    return [*found, Step("compare", better, asked, "a paired bootstrap and McNemar's exact test, no benchmark needed")]


def _with_sources(known: Situation, minutes: float, room: float) -> list[Step]:
    sources, found = " ".join(known.sources), []
    if len(known.sources) > 1:
        command = f"transferium rank {known.target}{known.columns} --sources {sources}"
        found.append(Step("choose a source", command, "there are several", RANKED, minutes, room))
    first = known.sources[0]
    why = f"{first} is the nearest" if len(known.sources) > 1 else "the labels are in the source"
    command = known.command(f" --source {first} --method auto --out runs/adapted")
    return [*found, Step("adapt", command, why, ADAPTED, minutes, room)]


def _of_kind(known: Situation) -> str:
    evidence = MANY_LABELS if (known.per_class or 0) >= MANY else FEW_LABELS
    return evidence + ("" if known.kind == "image" else ON_PICTURES.format(kind=known.kind))


def unpromised() -> str:
    """What a plan does not say."""
    return (
        "No accuracy is promised: the evidence is of other data. Minutes and memory are read off a few examples on "
        "this machine."
    )
