"""Names and figures as a reader wants to meet them."""

from __future__ import annotations

import math
from typing import Any

NARROW = "\u202f"
MINUS = "\u2212"
NOTHING = "–"

METRICS = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "macro_precision": "Precision, mean over classes",
    "macro_recall": "Recall, mean over classes",
    "macro_f1": "F1, mean over classes",
    "weighted_precision": "Precision, weighted by support",
    "weighted_recall": "Recall, weighted by support",
    "weighted_f1": "F1, weighted by support",
    "roc_auc": "Area under the ROC curve",
    "average_precision": "Average precision",
    "log_loss": "Log-loss",
    "log_loss_before": "Log-loss before calibration",
    "calibration_error": "Calibration error",
    "calibration_error_before": "Calibration error before calibration",
}
LABEL_METRICS = {
    "micro_f1": "Micro F1",
    "micro_precision": "Micro precision",
    "micro_recall": "Micro recall",
    "macro_f1": "F1, mean over labels",
    "mean_average_precision": "Average precision, mean over labels",
    "subset_accuracy": "Every label right",
    "hamming_loss": "Wrong labels (Hamming loss)",
    "log_loss": "Log-loss",
    "log_loss_before": "Log-loss before calibration",
}
REGRESSION_METRICS = {
    "mae": "Mean absolute error",
    "rmse": "Root mean squared error",
    "r2": "R²",
}
SPAN_METRICS = {
    "span_f1": "Span F1",
    "span_precision": "Span precision",
    "span_recall": "Span recall",
    "macro_span_f1": "Span F1, mean over types",
    "log_loss": "Log-loss of a word",
    "log_loss_before": "Log-loss of a word before calibration",
}
BOX_METRICS = {
    "ap50": "Average precision, overlap 0.5",
    "ap": "Average precision",
    "ap75": "Average precision, overlap 0.75",
    "ar": "Average recall",
    "box_precision": "Precision of the answered boxes",
    "box_recall": "Recall of the answered boxes",
}
TRANSLATION_METRICS = {"chrf": "chrF", "bleu": "BLEU"}
TRANSCRIPT_METRICS = {"cer": "Character error", "wer": "Word error", "wrong": "Transcripts with a mistake"}
STRANGENESS = {
    "max_probability": "1 − largest probability",
    "energy": "energy",
    "distance": "distance to known examples",
}
"""Scores of how strange an example is, and what they are called."""
REFERENCES = {
    "most_frequent_text": ("Most frequent text", "the same for every example"),
    "copied": ("Copied", "the given text as it is"),
    "no_box": ("No box", "answers nothing"),
    "no_transfer": ("No transfer", "same network, random weights"),
    "majority": ("Majority class", "always the most frequent class"),
    "no_entity": ("No entity", "answers nothing"),
    "known_entities": ("Known entities", "what was an entity in training is one everywhere"),
    "nearest_mean": ("Nearest class mean", "averages the features, trains nothing"),
    "gradient_boosting": ("Gradient boosting", "decision trees on the same columns"),
    "scratch": ("From scratch", "same network, trained from random weights"),
    "source_only": ("Source only", "never saw the target"),
    "target_alone": ("Target labels alone", "a probe of these very labels, each example held out"),
    "source_network": ("Source network", "the same network, which never saw the target"),
    "label_rates": ("Label rates", "the same for every example: how often each label occurs"),
    "mean": ("Mean amount", "always the mean of the training part"),
    "teacher": ("Teacher", "the model that this one learned from"),
    "without_teacher": ("Without teacher", "the same network, examples and number of steps"),
    "alone": ("Alone", "the same network, trained on this task and no other"),
    "few_alone": ("Labelled target examples alone", "a probe of these and nothing else"),
}
VERDICTS = {
    "helped": ("good", "Transfer helped"),
    "no evidence": ("unsure", "No evidence that transfer helped"),
    "hurt": ("bad", "Transfer hurt"),
}
HELD_OUT = {
    "one": "held-out example",
    "many": "held-out examples",
    "role": "held out",
    "said": "Measured on examples that took no part in any choice.",
}
ADAPTED_TO = {
    "one": "target example",
    "many": "target examples",
    "role": "evaluated on",
    "said": "Measured on the target examples that it was adapted to: their inputs took part, their labels in nothing.",
}
"""What figures are measured on, where a target came undivided."""
KEYS = {"lr": "Learning rate", "data": "Data fingerprint", "created": "Made", "oof": "Out of fold"}
SEVERITIES = {"error": "Errors", "warning": "Warnings", "note": "Notes"}


def number(given: Any) -> float | None:
    """The point estimate of a number or an interval; None where there is none or it is not finite.

    >>> number({"value": 0.5, "low": 0.4, "high": 0.6}), number(2), number(float("nan")), number("x")
    (0.5, 2.0, None, None)
    """
    if isinstance(given, dict):
        given = given.get("value", given.get("mean"))
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not math.isfinite(given):
        return None
    return float(given)


def percent(given: Any, digits: int = 1) -> str:
    r"""A share as a percentage.

    >>> percent(0.948), percent(None), percent(1)
    ('94.8\u202f%', '–', '100.0\u202f%')
    """
    value = number(given)
    return NOTHING if value is None else f"{100 * value:.{digits}f}{NARROW}%"


def points(given: Any) -> str:
    """A signed difference of shares in percentage points.

    >>> points(0.314), points(-0.02)
    ('+31.4', '−2.0')
    """
    value = number(given)
    return NOTHING if value is None else f"{100 * value:+.1f}".replace("-", MINUS)


def decimal(given: Any, digits: int = 3) -> str:
    """A plain number, short.

    >>> decimal(0.17449), decimal(-1.0), decimal(1250), decimal(0.00001)
    ('0.174', '−1', '1,250', '1e−05')
    """
    value = number(given)
    if value is None:
        return NOTHING
    if value == int(value) and abs(value) < 1e15:
        text = f"{int(value):,}"
    else:
        text = f"{value:.{digits}f}" if abs(value) >= 10**-digits else f"{value:.0e}"
    return text.replace("-", MINUS)


def amount(given: Any, sign: str = "") -> str:
    """A number in a unit of its own, with four digits that count.

    >>> amount(43.1749), amount(-0.0123456), amount(123456.7), amount(2.0), amount(1e-7)
    ('43.17', '−0.01235', '123,500', '2', '1e−07')
    """
    value = number(given)
    if value is None:
        return NOTHING
    rounded = float(f"{value:.4g}")
    plain = f"{rounded:{sign},.0f}" if 1e3 <= abs(rounded) < 1e12 else f"{rounded:{sign}.4g}"
    return plain.replace("-", MINUS)


def short_amount(value: float) -> str:
    """A round number, short enough for an axis.

    >>> short_amount(2500.0), short_amount(-20000.0), short_amount(1500000.0), short_amount(0.25)
    ('2.5k', '−20k', '1.5M', '0.25')
    """
    unit, sign = next(((u, s) for u, s in ((1e9, "G"), (1e6, "M"), (1e3, "k")) if u <= abs(value) < 1e12), (1.0, ""))
    return f"{value / unit:g}{sign}".replace("-", MINUS)


def signed_amount(given: Any) -> str:
    """A difference of amounts.

    >>> signed_amount(4.25), signed_amount(-1200000)
    ('+4.25', '−1,200,000')
    """
    return amount(given, "+")


def seconds(given: Any) -> str:
    r"""A duration in the unit that suits it.

    >>> seconds(0.0123), seconds(4.21), seconds(75), seconds(7300)
    ('12\u202fms', '4.2\u202fs', '1\u202fmin 15\u202fs', '2\u202fh 1\u202fmin')
    """
    value = number(given)
    if value is None:
        return NOTHING
    if value < 1:
        return f"{1000 * value:.0f}{NARROW}ms"
    if value < 60:
        return f"{value:.1f}{NARROW}s"
    if value < 3600:
        return f"{int(value // 60)}{NARROW}min {int(value % 60)}{NARROW}s"
    return f"{int(value // 3600)}{NARROW}h {int(value % 3600 // 60)}{NARROW}min"


def plural(count: int, one: str, many: str | None = None) -> str:
    """A count with its noun.

    >>> plural(1, "mistake"), plural(1200, "class", "classes")
    ('1 mistake', '1,200 classes')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def spoken(name: str) -> str:
    """A key of the data as words.

    >>> spoken("near_duplicate"), spoken("wrong-extension")
    ('Near duplicate', 'Wrong extension')
    """
    words = KEYS.get(name, name).replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:]
