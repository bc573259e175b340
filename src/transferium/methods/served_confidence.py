"""The confidence of an adapted model where no target label is known: what the models at hand say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from transferium.functional.calibration import fit_temperature_to
from transferium.methods.adaptation_task import AdaptationTask
from transferium.methods.adapted_model import AdaptedModel
from transferium.methods.fitted import Fitted


def served(task: AdaptationTask, fitted: Fitted, source_only: Fitted) -> Fitted:
    """``fitted`` at the temperature under which it is as sure of the target as all models at hand are on the average.

    ``T = argmin Σ_i CE(mean_m p_m(x_i), softmax(z_i / T))`` over the target's inputs, where ``m`` are source only,
    ``fitted`` as it was and, of an election, the other candidates that read the same backbone as one of these two.
    Held-out source rows say how often a model is right *there*; models that were made in different ways err in
    different places, and where two differ one is wrong. One that was trained to be sure of its own answers
    (``sharpened``) is left out: its sureness is no evidence. The answers stay what they are.
    """
    at_hand = [source_only.backbone, fitted.backbone]
    seen = {backbone.fingerprint: task.embed(task.unlabeled, backbone).features for backbone in at_hand}
    own = [] if isinstance(fitted, AdaptedModel) and fitted.sharpened else [fitted]
    others = [m for m in fitted.beside.values() if m.head not in (source_only.head, fitted.head)]
    models = [source_only, *own, *(m for m in others if m.backbone.fingerprint in seen)]
    shares = np.mean([m.head.outputs(seen[m.backbone.fingerprint]) for m in models], axis=0)
    temperature = fit_temperature_to(fitted.head.logits(seen[fitted.backbone.fingerprint]), shares)
    whose = f"{len(models)} models are on the average, source only among them" if models[1:] else "source only is"
    said = (
        f"the temperature is {temperature:.3g} (from the source it was {fitted.head.temperature:.3g}): on the target "
        f"the model is as sure as {whose}; no label was there to measure it by"
    )
    selection = replace(fitted.selection, notes=(*fitted.selection.notes, said))
    return replace(fitted, head=fitted.head.with_temperature(temperature), selection=selection)
