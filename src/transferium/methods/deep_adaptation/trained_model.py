"""The model that is left when a network was adapted: its two ends folded into heads, and its temperature."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from transferium.methods.adapted_model import AdaptedModel
from transferium.methods.deep_adaptation.state import AdaptationState
from transferium.selection.selection import Selection

if TYPE_CHECKING:
    from transferium.training.distributed.machine import Machine
    from transferium.training.run import Outcome

KEPT = "in training the temperature is the given model's own, for there are no source examples to measure one by"


def trained_model(outcome: Outcome[Any], machine: Machine, start: float, *, method: str, epochs: int) -> AdaptedModel:
    """The model of the ``method`` that was trained from ``start`` (``perf_counter``), ``epochs`` over the source."""
    from transferium.methods.tuned_backbone import tuned_backbone
    from transferium.models.heads.bottleneck import fold

    state, trained_at = outcome.result, time.perf_counter()
    if state.each:
        from transferium.methods.deep_adaptation.domain_batch_norm import settle

        settle(state)
    temperature, said = _temperature(state, machine)
    backbone, source_backbone, source_head = state.backbone, None, None
    if state.at_source is not None:
        body = state.at_source.backbone
        if state.tuned is not None:
            source_backbone, body = tuned_backbone(backbone, body[0]), body[1]
        source_head = fold(body, state.at_source.head, temperature)
    if state.tuned is not None:
        backbone = tuned_backbone(backbone, state.tuned)
    return AdaptedModel(
        method=method,
        backbone=backbone,
        head=fold(state.encoder, state.model.head, temperature),
        selection=_selection(state, said, epochs),
        history=outcome.history,
        seconds={"train": trained_at - start, "calibrate": time.perf_counter() - trained_at},
        source_head=source_head,
        source_backbone=source_backbone,
    )


def _temperature(state: AdaptationState, machine: Machine) -> tuple[float, str]:
    """The temperature, and a sentence that says where it is from."""
    from transferium.functional.calibration import fit_temperature
    from transferium.training.loop.predict import predict

    if state.held is None:
        assert state.temperature is not None
        return state.temperature, KEPT
    reader, held = state.at_source or state.model, state.held
    temperature = float(fit_temperature(predict(reader, held, state.feeds, machine, batch_size=256), held.y))
    return temperature, f"the temperature is from {len(held)} held-out source examples, which were not trained on"


def _selection(state: AdaptationState, said: str, epochs: int) -> Selection:
    rule, data = "no comparison: the last epoch", "no target label"
    if state.held is None:
        return Selection("no comparison: what the last pass left", data, [], {}, (*state.notes, said))
    epoch = {"epoch": epochs}
    return Selection(rule, data, [epoch], epoch, (*state.notes, said))
