"""Contrasts of examples: in pairs (SetFit), and of rows with a queue of examples of every class (Bi-Tuning)."""

from __future__ import annotations

import copy
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from transferium.errors import InputError
from transferium.models.heads.scaled_linear import ScaledLinear
from transferium.models.model import Model
from transferium.training.loop.objective import Objective
from transferium.training.loop.view import View


class PairCosine(Objective):
    """``mean_i (cos(f_i, g_i) - [y_i = z_i])²`` over pairs: rows ``2i`` and ``2i + 1`` of the stream are one pair.

    Labels must be class numbers; a last row without a partner is left out.
    Tunstall et al., "Efficient few-shot learning without prompts" (2022).
    """

    splits = True

    def __init__(self, stream: str = "target", *, name: str = "pairs") -> None:
        super().__init__()
        self.stream, self.name, self.needs = stream, name, frozenset({stream})

    def extra_repr(self) -> str:
        return f"{self.stream!r}, name={self.name!r}"

    def forward(self, view: View) -> dict[str, Tensor]:
        features, labels = view.features(self.stream), view.labels(self.stream)
        last = len(labels) // 2 * 2
        near = nn.functional.cosine_similarity(features[0:last:2], features[1:last:2])
        alike = (labels[0:last:2] == labels[1:last:2]).to(near.dtype)
        return {self.name: nn.functional.mse_loss(near, alike)}


class BiContrast(Objective):
    """Contrastive cross-entropy (``cce``) and categorical contrastive learning (``ccl``) against a queue of keys.

    With ``Q_c`` the last ``keys`` examples of class c, ``Q`` all of them, and each row's own key beside them,

    ``ccl = mean_i mean_{k in {k_i} ∪ Q_y} -log [exp(z_i·k/T) / Σ_{k' in {k_i} ∪ Q} exp(z_i·k'/T)]`` and
    ``cce = mean_i mean_{h in {h_i} ∪ Q_y} -log [exp(s_y(h)) / Σ_{h' in {h_i} ∪ Q} exp(s_y(h'))]``,

    ``h`` being features, ``z`` their unit-length projection by a linear layer, and ``s_y(h)`` the model's own head, so
    that each class's prototype must find its examples among all classes'. Keys are the same view of a row seen by an
    encoder that trails the model, ``theta <- m theta + (1 - m) model``, without dropout: one pass more a step.
    A slot of the queue counts once it was filled. Labels must be class numbers.
    Zhong et al., "Bi-tuning of pre-trained representations" (2020).
    """

    queue_h: Tensor
    queue_z: Tensor
    count: Tensor

    def __init__(
        self,
        model: Model,
        width: int,
        classes: int,
        stream: str = "target",
        *,
        keys: int = 40,
        momentum: float = 0.999,
        temperature: float = 0.07,
        dimensions: int = 128,
    ) -> None:
        super().__init__()
        self.stream, self.needs = stream, frozenset({stream})
        self.keys, self.momentum, self.temperature = keys, momentum, temperature
        self.projector = ScaledLinear(width, dimensions)
        self.key_projector = copy.deepcopy(self.projector).requires_grad_(False)
        self.key_backbone = copy.deepcopy(model.backbone).requires_grad_(False)
        self.register_buffer("queue_h", torch.zeros(classes, keys, width))
        self.register_buffer("queue_z", torch.zeros(classes, keys, dimensions))
        self.register_buffer("count", torch.zeros(classes, dtype=torch.int64))
        # Between a step's passes and its end only; never alive where a checkpoint is written.
        self.latest: list[tuple[Tensor, Tensor, Tensor]] = []

    def extra_repr(self) -> str:
        return f"{self.stream!r}, keys={self.keys}, momentum={self.momentum}, temperature={self.temperature}"

    @torch.no_grad()
    def fill(self, features: NDArray[Any], labels: NDArray[Any]) -> None:
        """Scale the projector to these features, and queue the first ``keys`` of each class."""
        for layer in (self.projector, self.key_projector):
            layer.look(features)
        for k in range(len(self.count)):
            h = torch.from_numpy(features[labels == k][: self.keys]).float()
            self.queue_h[k, : len(h)], self.queue_z[k, : len(h)] = h, self._unit(self.key_projector(h))
            self.count[k] = len(h)

    def forward(self, view: View) -> dict[str, Tensor]:
        labels, h = view.labels(self.stream), view.features(self.stream)
        if labels.ndim != 1:
            raise InputError(
                "bi-tuning contrasts examples by their class, and was given mixed labels: do not mix them."
            )
        z = self._unit(self.projector(h))
        with torch.no_grad():
            key_h = self.key_backbone(*view.inputs(self.stream))
            key_z = self._unit(self.key_projector(key_h))
        if self.training:
            self.latest.append((key_h, key_z, labels))
        close = z @ self.queue_z.flatten(0, 1).to(z.dtype).T
        own = (z * key_z).sum(1, keepdim=True)
        of_queue = view.model.head(self.queue_h.flatten(0, 1)).T[labels]
        of_row = view.logits(self.stream).gather(1, labels[:, None])
        return {
            "cce": self._contrast(of_row, of_queue, labels),
            "ccl": self._contrast(own / self.temperature, close / self.temperature, labels),
        }

    def _contrast(self, own: Tensor, queued: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy of scores ``(n, 1)`` and ``(n, classes · keys)`` against: own and queued ones of the class."""
        filled = torch.arange(self.keys, device=labels.device) < self.count[:, None]
        classes = torch.arange(len(self.count), device=labels.device)
        wanted = (filled & (labels[:, None, None] == classes[:, None])).flatten(1)
        first = torch.ones_like(own, dtype=torch.bool)
        seen = torch.cat([first, filled.flatten().expand_as(queued)], 1)
        wanted = torch.cat([first, wanted], 1)
        logs = torch.cat([own, queued], 1).float().masked_fill(~seen, -torch.inf).log_softmax(1)
        return -(logs.masked_fill(~wanted, 0.0).sum(1) / wanted.sum(1)).mean()

    @torch.no_grad()
    def after_step(self, model: Model) -> None:
        for key_h, key_z, labels in self.latest:
            self._enqueue(key_h, key_z, labels)
        self.latest.clear()
        pairs = [(self.key_backbone, model.backbone), (self.key_projector, self.projector)]
        for trailing, now in pairs:
            for mine, theirs in zip(trailing.parameters(), now.parameters(), strict=True):
                mine.lerp_(theirs, 1 - self.momentum)
            for copied, current in zip(trailing.buffers(), now.buffers(), strict=True):
                copied.copy_(current)

    def _enqueue(self, h: Tensor, z: Tensor, labels: Tensor) -> None:
        """Each row to its class's next slot; of more rows than slots, the last ones."""
        same = labels[:, None] == labels
        slot = (self.count[labels] + same.tril(-1).sum(1)) % self.keys
        rows = torch.arange(len(labels), device=labels.device)
        if len(labels) > self.keys:
            rows = rows[same.triu(1).sum(1) < self.keys]
        where = labels[rows], slot[rows]
        self.queue_h[where], self.queue_z[where] = h[rows].to(self.queue_h.dtype), z[rows].to(self.queue_z.dtype)
        self.count.index_add_(0, labels, torch.ones_like(labels))

    @staticmethod
    def _unit(x: Tensor) -> Tensor:
        return nn.functional.normalize(x, dim=1)
