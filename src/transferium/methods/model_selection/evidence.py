"""The data by which an adapted model is scored without target labels."""

from __future__ import annotations

import numpy as np

from transferium.functional.matrices import Array, Floats
from transferium.functional.validators.evidence import Evidence
from transferium.methods.adaptation_task import AdaptationTask
from transferium.methods.adapted_model import alignment_of, source_reader
from transferium.methods.fitted import Fitted
from transferium.methods.holdout import HELD, hold_out
from transferium.models.heads.base import AnyHead


def evidence_of(task: AdaptationTask, fitted: Fitted) -> Evidence:
    """Both domains as ``fitted`` sees them: a fixed fifth of the source, the target, and never a target label.

    The source rows are the same for every method: those that adapted networks hold out. Methods that are trained on
    all of the source must have answered for them out of fold (``oof_outputs``), and then those answers count;
    rows of classes too small for that are left out.
    Features are what the last linear layer reads. Logits are divided by the temperature.
    """
    parts = hold_out(task, HELD)
    backbone, reader = source_reader(fitted)
    logits = held_out_logits(task, fitted)
    known = ~np.isnan(logits).any(axis=1)
    source, kept = (task.embed(d, backbone).features for d in (parts.held, parts.train))
    target = task.embed(task.unlabeled, fitted.backbone).features
    return Evidence(
        source_features=_seen(fitted, reader, source[known], at_source=True),
        source_logits=logits[known],
        source_labels=parts.held.y[known],
        target_features=_seen(fitted, fitted.head, target, at_source=False),
        target_logits=fitted.head.logits(target) / fitted.head.temperature,
        train_features=_seen(fitted, reader, kept, at_source=True),
    )


def held_out_logits(task: AdaptationTask, fitted: Fitted) -> Array:
    """Calibrated logits for the fixed fifth of the source; rows of NaN where every model has seen the example."""
    parts = hold_out(task, HELD)
    if fitted.oof_outputs is not None and task.val is None:
        held = np.setdiff1d(np.arange(len(task.train)), parts.kept)
        logits: Array = np.log(np.maximum(fitted.oof_outputs[held], 1e-12))
        return logits
    backbone, reader = source_reader(fitted)
    return reader.logits(task.embed(parts.held, backbone).features) / reader.temperature


def _seen(fitted: Fitted, head: AnyHead, rows: Floats, *, at_source: bool) -> Array:
    alignment = alignment_of(fitted)
    if alignment is None:
        return head.activations(rows)
    side = alignment.source if at_source else alignment.target
    return np.asarray(side(np.asarray(rows, np.float64)), np.float64)
