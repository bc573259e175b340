"""What a report is made from: a run as plain JSON, close to ``metrics.json``.

Only ``name`` and ``test`` with the headline metric of the problem are needed (``test`` is empty where a target without
labels was adapted to). A run that does not say its ``problem`` is of classes.
Every other part of the page is left out where its data is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from transferium.errors import InputError
from transferium.report.presentation import presentation


class Interval(TypedDict):
    """A point estimate with the ends of its 95 % interval; a null end is an interval nobody computed."""

    value: float | None
    low: float | None
    high: float | None


ClassRow = TypedDict(
    "ClassRow", {"class": str, "precision": float, "recall": float, "f1": float, "support": int}, total=False
)
"""One class's figures; a figure may also be an ``Interval``."""


class Bin(TypedDict):
    """One bin of a reliability diagram: mean confidence, share right, and how many examples fell into it."""

    confidence: float
    accuracy: float
    count: int


class Metrics(TypedDict, total=False):
    """An evaluation. Every further key that holds an ``Interval`` becomes a row of the table of metrics."""

    accuracy: Interval
    balanced_accuracy: Interval
    macro_f1: Interval
    log_loss: Interval
    calibration_error: Interval
    calibration_error_before: Interval
    per_class: list[ClassRow]
    classes: list[str]
    confusion: list[list[int]]
    reliability: list[Bin]
    reliability_before: list[Bin]


class LabelRow(TypedDict, total=False):
    """One label's figures; a figure may also be an ``Interval``."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int


class MultiLabelMetrics(TypedDict, total=False):
    """An evaluation of any number of labels each."""

    micro_f1: Interval
    macro_f1: Interval
    micro_precision: Interval
    micro_recall: Interval
    subset_accuracy: Interval
    hamming_loss: Interval
    log_loss: Interval
    per_label: list[LabelRow]


class RegressionMetrics(TypedDict, total=False):
    """An evaluation of amounts, in the unit that they came in; ``r2`` has none."""

    mae: Interval
    rmse: Interval
    r2: Interval


class AttackedRow(TypedDict):
    """Accuracy of one model on the same examples clean and moved by an adversary; ``attack`` says how far."""

    attack: str
    examples: int
    clean: Interval
    attacked: Interval


class AblationRow(TypedDict):
    """A model of mixed rows that was fitted without some columns; ``adds`` is how much better the whole one is."""

    without: str
    columns: list[str]
    test: Metrics | MultiLabelMetrics | RegressionMetrics
    adds: Interval


class Rivals(TypedDict, total=False):
    """What a model was compared with: ``costs`` of each and of ``model``, the share of each one's figure that it has.

    A cost is ``{"parameters", "bytes", "milliseconds"}``, None where it is not known; ``decided_by`` names the rival
    that ``difference`` is over, and is empty where it is no transfer.
    """

    costs: dict[str, dict[str, Any]]
    kept: dict[str, float]
    decided_by: str


class Example(TypedDict, total=False):
    """One prediction to show; ``label`` is null where nobody knows it, ``text`` is there for texts.

    Amounts, and several labels, come without ``confidence``; they are written as in the table of predictions.
    """

    id: str
    label: str | None
    predicted: str
    confidence: float
    text: str


class Finding(TypedDict):
    """One thing the data doctor saw; ``severity`` is ``error``, ``warning`` or ``note``."""

    kind: str
    severity: str
    message: str
    ids: list[str]


class Doctor(TypedDict, total=False):
    """The doctor's findings and how many examples (or which) were put aside."""

    findings: list[Finding]
    quarantined: int | list[str]


class Division(TypedDict, total=False):
    """How many examples served for what, and the sentence that says how they were divided.

    ``held_out`` is what the part ``test`` was called where it came from: ``test`` or ``val``.
    """

    train: int
    val: int
    test: int
    held_out: str
    rule: str


class Selection(TypedDict, total=False):
    """How a setting was chosen: from which candidates, by which rule, on which data.

    A candidate is a flat mapping of settings and scores; a score may be a number, an ``Interval``,
    ``{"mean", "std"}`` or one number per fold. Candidates with ``C`` and ``log_loss`` are drawn as a path.
    ``rule`` and ``data`` are read as "By <rule>, on <data>."
    """

    rule: str
    data: str
    candidates: list[dict[str, Any]]
    chosen: dict[str, Any]
    notes: list[str]


class Provenance(TypedDict, total=False):
    """Where the result came from; further keys are shown as they are."""

    created: str
    data: str
    fingerprint: str
    versions: dict[str, str]


class Adaptation(TypedDict, total=False):
    """What adapting did to source and target; see ``job/domains.py``, which makes it.

    ``source`` has ``model``, a fingerprint, where a saved model stood for it: then ``distance`` and ``maps`` are empty,
    and the ``source`` of each share is None.

    ``shares`` holds ``{"class", "source", "before", "after"}``; ``distance`` and ``maps`` have ``before`` and, where
    the features moved, ``after``, and perhaps a ``note``; ``transductive`` says that what is evaluated on was adapted
    to; ``few`` says how many labelled target examples joined; ``oracle`` is there for research runs only;
    ``source_only_collapse`` says which classes source only gave up; ``opinions`` are what validators think of a method
    that was named, ``rows`` and ``notes``.
    """

    source: dict[str, Any]
    target: dict[str, Any]
    rule: str
    transductive: bool
    labels_stripped: bool
    few: dict[str, Any] | None
    shares: list[dict[str, Any]]
    collapsed: list[str]
    source_only_collapse: str
    distance: dict[str, Any]
    maps: dict[str, Any]
    opinions: dict[str, Any]
    oracle: dict[str, Any]


class FewShots(TypedDict):
    """Methods compared over ``draws`` of ``shots`` examples a class.

    A method is ``{"method", "accuracy": Interval, "draws": [accuracy], "seconds"}``, or says why it was ``left_out``.
    """

    shots: int
    draws: int
    methods: list[dict[str, Any]]


class Augmented(TypedDict, total=False):
    """Training examples beside what ``recipe`` made of them: one picture (a JPEG's bytes), or texts.

    A text is ``{"id", "label", "original", "versions"}``.
    """

    recipe: str
    file: str
    picture: bytes
    texts: list[dict[str, Any]]


class Boosting(TypedDict, total=False):
    """How much better gradient boosting is than the model of a table, on the same examples, and what is said of it.

    It learned from ``rows`` of the ``of_rows`` training rows.
    """

    sentence: str
    difference: Interval
    rows: int
    of_rows: int


class ColumnRow(TypedDict, total=False):
    """How one column of a table is read: its type and what is known of it, or why it is ``left_out``.

    ``levels`` are those of a category, ``together`` how many of them share a column; ``parts`` those of a date.
    """

    name: str
    type: str
    left_out: str
    width: int
    levels: int
    together: int
    parts: list[str]
    median: float | str
    spread: float
    missing: bool


class Run(TypedDict, total=False):
    """Everything a report can show.

    ``problem`` is ``classes``, ``multi-label`` or ``regression``. ``difference`` is how much better the headline metric
    is than without transfer: a share, or for amounts how much lower the error is, in their unit.
    """

    name: str
    problem: str
    kind: str
    method: str
    backbone: str
    engine: str
    seed: int
    command: str
    verdict: str
    verdict_sentence: str
    remarks: list[str]
    temperature: float
    test: Metrics | MultiLabelMetrics | RegressionMetrics
    references: dict[str, Metrics | MultiLabelMetrics | RegressionMetrics]
    attacked: dict[str, AttackedRow]
    ablations: list[AblationRow]
    rivals: Rivals
    few_shots: FewShots
    difference: Interval
    gradient_boosting: Boosting
    selection: Selection
    doctor: Doctor
    division: Division
    seconds: dict[str, float]
    provenance: Provenance
    examples: list[Example]
    history: list[dict[str, Any]]
    augmented: Augmented
    adaptation: Adaptation
    source_harm: str
    by_class: list[dict[str, Any]]
    columns: list[ColumnRow]


def check_run(run: Mapping[str, Any]) -> None:
    """Raise ``InputError`` where the little that every report needs is missing.

    >>> check_run({"name": "ants", "test": {"accuracy": {"value": 0.9, "low": 0.8, "high": 1.0}}})
    """
    missing = [key for key in ("name", "test") if key not in run]
    if missing:
        raise InputError(
            f"a report needs {' and '.join(map(repr, missing))}; it was given {', '.join(sorted(run)) or 'nothing'}. "
            "Give it what metrics.json holds."
        )
    if run.get("adaptation") and not run["test"]:
        return
    headline = presentation(run).headline
    given = run["test"].get(headline)
    if not isinstance(given, Mapping) or "value" not in given:
        raise InputError(
            f"a report needs run['test'][{headline!r}] as {{'value', 'low', 'high'}}; it was given {given!r}."
        )
