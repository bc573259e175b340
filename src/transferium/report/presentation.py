"""How the results of each kind of problem are shown: one table, read by every section of the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from transferium.errors import InputError, did_you_mean
from transferium.report.words import (
    BOX_METRICS,
    LABEL_METRICS,
    METRICS,
    REGRESSION_METRICS,
    SPAN_METRICS,
    TRANSCRIPT_METRICS,
    TRANSLATION_METRICS,
    amount,
    decimal,
    percent,
    points,
    signed_amount,
    spoken,
)

Write = Callable[[Any], str]


@dataclass(frozen=True)
class Scale:
    """Metrics that share an axis: those whose name holds one of ``marks``, or all that no other scale takes."""

    title: str
    write: Write
    marks: tuple[str, ...] = ()
    most: float | None = None
    zero: bool = False


@dataclass(frozen=True)
class Presentation:
    """One kind of problem. ``headline``, ``loss`` and ``lower_is_better`` are those of its ``Problem``."""

    headline: str
    """The metric that stands at the top."""
    called: str
    """What it is called beside its figure."""
    axis: str
    """What is said of it over the references."""
    tiles: tuple[str, ...]
    """Metrics that get a tile of their own."""
    metrics: Mapping[str, str]
    """Metrics in their order, and what they are called."""
    scales: tuple[Scale, ...]
    """The axes of the table of metrics, in their order."""
    mistakes: str
    """The title over examples that were missed, and the sentence on their order."""
    order: str
    rest: str
    """How the sentence goes on where examples without a mistake follow."""
    write: Write = percent
    """How the headline is written."""
    most: float | None = 1.0
    """Where its axis ends at the latest; None where nothing limits it."""
    gain: Write = points
    """How a difference in it is written."""
    gain_unit: str = "points"
    """What such a difference is counted in; empty where that is the unit of the amounts."""
    loss: str = "log_loss"
    """What candidates are compared by, and what it is called."""
    loss_called: str = "log-loss"
    lower_is_better: bool = False
    gain_note: str = ""
    """What is said under a difference."""
    output: str = ""
    """What a row of the table by output is: a class or a label; empty where there is no such table."""
    support: str = ""
    """What the examples counted in such a row have in common."""
    nothing: str = ""
    """How an empty answer is written."""
    between: str = ""
    """What stands between the parts of an answer, if it has parts."""
    predicts: str | None = None
    """What is predicted, among the facts at the top; None where it goes without saying."""
    spans: bool = False
    """Whether answers are spans of a text, which are then shown in it."""
    frames: bool = False
    """Whether answers are boxes, which are then drawn over the picture."""
    amounts: bool = False
    """Whether answers are numbers that miss the truth by more or less, and are not right or wrong."""

    def name(self, metric: str) -> str:
        """What a metric is called in a table."""
        return self.metrics.get(metric, spoken(metric))


RATES = Scale("Higher is better", percent, most=1.0)
NATS = Scale("Lower is better, in nats", decimal, ("loss",), zero=True)
CLASSES = Presentation(
    headline="accuracy",
    called="accuracy",
    axis="Accuracy, %",
    tiles=("macro_f1",),
    metrics=METRICS,
    scales=(RATES, NATS, Scale("Lower is better", percent, ("error", "brier"), zero=True)),
    mistakes="Its most confident mistakes",
    order="The surest mistakes come first",
    rest=", then the right answers it was least sure of",
    output="class",
)
MULTI_LABEL = Presentation(
    headline="micro_f1",
    called="micro F1",
    axis="Micro F1, %",
    tiles=("macro_f1", "subset_accuracy"),
    metrics=LABEL_METRICS,
    scales=(RATES, Scale("Lower is better", percent, ("hamming", "error"), zero=True), NATS),
    mistakes="Its worst mistakes",
    order="The answers with the most wrong labels come first",
    rest=", then those with every label right",
    output="label",
    support=" with the label",
    nothing="no label",
    between="|",
    predicts="any number of labels each",
)
REGRESSION = Presentation(
    headline="mae",
    called="mean absolute error",
    write=amount,
    axis="Mean absolute error, lower is better",
    most=None,
    gain=signed_amount,
    gain_unit="",
    tiles=("rmse", "r2"),
    metrics=REGRESSION_METRICS,
    scales=(
        Scale("Lower is better, in the unit of the amounts", amount, zero=True),
        Scale("Higher is better, 1 is perfect", decimal, ("r2",), most=1.0),
    ),
    mistakes="Its largest errors",
    order="The largest errors come first",
    rest="",
    loss="squared_error",
    loss_called="squared error",
    lower_is_better=True,
    gain_note="; above 0 is a smaller mean absolute error",
    predicts="an amount each",
    amounts=True,
)
ENTITIES = Presentation(
    headline="span_f1",
    called="span F1",
    axis="Span F1, %",
    tiles=("span_precision", "span_recall"),
    metrics=SPAN_METRICS,
    scales=(RATES, NATS),
    mistakes="Its worst sentences",
    order="The sentences with the most entities missed or wrong come first",
    rest=", then those with every entity right",
    output="type",
    nothing="no entity",
    predicts="entities in sentences",
    spans=True,
)
BOXES = Presentation(
    headline="ap50",
    called="AP at overlap 0.5",
    axis="Average precision (overlap 0.5), %",
    tiles=("ap", "ar"),
    metrics=BOX_METRICS,
    scales=(RATES,),
    mistakes="Its worst pictures",
    order="The pictures with the most boxes missed or wrong come first",
    rest=", then those with every box right",
    loss="wrong_boxes",
    loss_called="missed and wrong boxes",
    nothing="no box",
    predicts="boxes in pictures",
    frames=True,
)
TRANSLATION = Presentation(
    headline="chrf",
    called="chrF",
    axis="chrF, %",
    tiles=("bleu",),
    metrics=TRANSLATION_METRICS,
    scales=(RATES,),
    mistakes="Its worst translations",
    order="Those with the most changes to be made for each sign come first",
    rest="",
    loss="edit_distance",
    loss_called="changes to be made for each sign",
    nothing="no text",
    predicts="texts to be written",
)
TRANSCRIPTION = Presentation(
    headline="cer",
    called="character error",
    axis="Character error, %, lower is better",
    most=None,
    tiles=("wer", "wrong"),
    metrics=TRANSCRIPT_METRICS,
    scales=(Scale("Lower is better", percent, zero=True),),
    mistakes="Its worst transcripts",
    order="Those with the most changes to be made for each sign come first",
    rest="",
    loss="edit_distance",
    loss_called="changes to be made for each sign",
    lower_is_better=True,
    gain_note="; above 0 is a smaller character error",
    nothing="no text",
    predicts="what is said in recordings",
)
PRESENTATIONS = {
    "classes": CLASSES,
    "multi-label": MULTI_LABEL,
    "regression": REGRESSION,
    "entities": ENTITIES,
    "boxes": BOXES,
    "translation": TRANSLATION,
    "transcription": TRANSCRIPTION,
}
"""Every kind of problem by its name."""


def presentation(run: Mapping[str, Any]) -> Presentation:
    """How a run is shown; one that does not say its problem is of classes. Raises ``InputError`` for an unknown one.

    >>> presentation({"problem": "regression"}).headline, presentation({}).headline
    ('mae', 'accuracy')
    """
    kind = run.get("problem") or "classes"
    if kind not in PRESENTATIONS:
        raise InputError(f"a report knows no problem {kind!r}. {did_you_mean(str(kind), PRESENTATIONS)}")
    return PRESENTATIONS[kind]
