"""Bottleneck adapters as a method of fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from transferium.methods.peft.adapter_tuning import AdapterTuning
from transferium.methods.settings.field import setting


@dataclass
class BottleneckTuning(AdapterTuning):
    """Fine-tune two small layers behind each half of a transformer's blocks.

    ``h + W_up gelu(W_down h)`` with ``W_down (reduced, width)`` and ``W_up`` zero at the start, before ``h`` joins the
    residual stream: behind attention and feed-forward (``layout=houlsby``), or the latter alone (``pfeiffer``).
    They stay in the network when it is used, which then takes longer. Prefer ``lora``, which costs nothing then,
    unless labels are many: a non-linear adapter of the same size can do more. Houlsby et al., "Parameter-efficient
    transfer learning for NLP" (2019); Pfeiffer et al., "AdapterFusion" (2021).
    """

    name: ClassVar[str] = "adapter"
    of_adapter: ClassVar[tuple[str, ...]] = ("reduced", "layout")

    reduced: int = setting(32, "units of each bottleneck", (4, 256))
    layout: str = setting("houlsby", "where they go: houlsby (both halves) or pfeiffer", ("houlsby", "pfeiffer"))
