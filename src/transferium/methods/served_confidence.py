"""The confidence of an adapted model where no target label is known: what the other models at hand say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from transferium.functional.calibration import fit_temperature_to
from transferium.methods.adaptation_task import AdaptationTask
from transferium.methods.fitted import Fitted


def served(task: AdaptationTask, fitted: Fitted, source_only: Fitted) -> Fitted:
    """``fitted`` at the temperature under which it is as sure of the target as the other models at hand let it be.

    ``T = argmin Σ_i CE(mean_m p_m(x_i), softmax(z_i / T))`` over the target's inputs, where ``m`` are source only and,
    of an election, the other candidates that read the same backbone as one of these two. Held-out source rows say how
    often a model is right *there*; one that followed the target by making its own answers surer is then far too sure,
    and its own sureness is no evidence. Models that were made in different ways err in different places, and where two
    differ one is wrong. The answers stay what they are.
    """
    at_hand = [source_only.backbone, fitted.backbone]
    seen = {backbone.fingerprint: task.embed(task.unlabeled, backbone).features for backbone in at_hand}
    heads = [(m.backbone.fingerprint, m.head) for m in fitted.beside.values()]
    others = [(key, head) for key, head in heads if key in seen and head not in (source_only.head, fitted.head)]
    others = [(source_only.backbone.fingerprint, source_only.head), *others]
    shares = np.mean([head.outputs(seen[key]) for key, head in others], axis=0)
    temperature = fit_temperature_to(fitted.head.logits(seen[fitted.backbone.fingerprint]), shares)
    whose = "source only is" if len(others) == 1 else f"{len(others)} others are on the average, source only among them"
    said = (
        f"the temperature is {temperature:.3g} (from the source it was {fitted.head.temperature:.3g}): on the target "
        f"the model is as sure as {whose}; no label was there to measure it by"
    )
    selection = replace(fitted.selection, notes=(*fitted.selection.notes, said))
    return replace(fitted, head=fitted.head.with_temperature(temperature), selection=selection)
