"""The torch engine: runs a backbone's own module, on a GPU or where no graph can be exported."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.models.backbone import Backbone
from transferium.models.modality import is_ragged
from transferium.system.allocator import keep_large_blocks


class TorchEngine:
    """Inference mode, channels last, float32 throughout; one batch at a time while other threads decode."""

    def __init__(self, backbone: Backbone) -> None:
        keep_large_blocks()
        import torch

        self._torch = torch
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        on_gpu = self._device.type == "cuda"
        self.name = "torch-cuda" if on_gpu else "torch"
        self.images, self.tokens = (64, 16384) if on_gpu else (16, 2048)
        self._ragged = is_ragged(backbone.kind)
        module = backbone.build().eval().requires_grad_(False).to(self._device)
        self._module = module if self._ragged else module.to(memory_format=torch.channels_last)
        self._lock = threading.Lock()

    def run(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        torch = self._torch
        with self._lock, torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            inputs = torch.from_numpy(np.ascontiguousarray(batch)).to(self._device)
            if inputs.ndim == 4:
                inputs = inputs.to(memory_format=torch.channels_last)
            features = self._module(inputs, torch.ones_like(inputs)) if self._ragged else self._module(inputs)
            result: NDArray[np.float32] = features.float().cpu().numpy()
            return result
