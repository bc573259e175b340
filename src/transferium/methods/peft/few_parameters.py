"""IA3 and BitFit: methods that move few numbers, which are merged into the network or are its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from transferium.methods.peft.adapter_tuning import AdapterTuning
from transferium.methods.settings.checks import RATE
from transferium.methods.settings.field import setting


@dataclass
class IA3(AdapterTuning):
    """Fine-tune one factor for each key, value and hidden unit of a transformer's blocks.

    ``(l_k ⊙ K)``, ``(l_v ⊙ V)`` and ``W (l_ff ⊙ h)``, all ``l`` 1 at the start, and merged for use.
    Prefer it with few labels; with many, ``lora`` reaches further. Transformers of timm and transformers.
    Liu et al., "Few-shot parameter-efficient fine-tuning is better and cheaper than in-context learning" (2022).
    """

    name: ClassVar[str] = "ia3"

    lr: float | str = setting(3e-3, "peak learning rate of the factors, or auto", (1e-4, 1e-1), RATE)
    weight_decay: float = setting(0.0, "pull of the head's weights towards zero", (0.0, 0.3))


@dataclass
class BitFit(AdapterTuning):
    """Fine-tune the biases of a network, its normalisation layers, or both.

    Nothing is added: ``terms=bias`` moves every bias, ``norm`` the scales and shifts of layer and batch normalisation.
    Works with any backbone that has some. With ``batch_norm=batch`` running statistics follow the new data too, and
    are kept with the adapter. Prefer it where next to nothing may be stored; it cannot learn new features.
    Ben Zaken et al., "BitFit: simple parameter-efficient fine-tuning for transformer-based masked language-models"
    (2022); Frankle et al., "Training BatchNorm and only BatchNorm" (2021).
    """

    name: ClassVar[str] = "bitfit"
    of_adapter: ClassVar[tuple[str, ...]] = ("terms",)

    terms: str = setting("bias", "what moves: bias, norm (scales and shifts), or both", ("bias", "norm", "both"))
