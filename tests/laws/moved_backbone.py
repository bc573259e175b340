"""Every method that moves the backbone, beside settings under which a small network is adapted in a moment."""

from __future__ import annotations

from typing import Any

import torch

from transferium.methods.fitted import Fitted
from worlds.toy import weights

SHORT: dict[str, Any] = {"tuning": "full", "epochs": 2, "batch_size": 16, "bottleneck": 8, "augment": "none"}
LORA: dict[str, Any] = SHORT | {"tuning": "lora", "rank": 2, "alpha": 4.0, "lr": 0.01}
QUICK: dict[str, dict[str, Any]] = {
    "dann": {},
    "cdan": {},
    "dan": {},
    "vada": {},
    "mcd": {},
    "adda": {"adapt_epochs": 1},
    "cgn": {},
    "shot": {"rounds": 2},
    "adabn": {},
    "tent": {"rounds": 1},
    "pseudo-label": {"rounds": 1, "round_epochs": 1, "rule": "fixed", "threshold": 0.0},
    "noisy-student": {"rounds": 1, "round_epochs": 1},
    "fixmatch": {"threshold": 0.5},
    "mean-teacher": {},
    "can": {"rounds": 1, "round_epochs": 1},
}


def everything(model: Fitted) -> dict[str, torch.Tensor]:
    """The numbers of the backbone and of the head, by name."""
    head = {name: torch.from_numpy(t) for name, t in model.head.to_tensors().items()}
    return weights(model.backbone.build()) | head
