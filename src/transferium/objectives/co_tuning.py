"""Co-Tuning's term: a cross-entropy over the classes of pretraining."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from transferium.errors import InputError
from transferium.training.loop.objective import Objective
from transferium.training.loop.view import View


class SourceCategories(Objective):
    """``mean_i -Σ_s p(s | y_i) log softmax(g(f_i))_s``, ``g`` being the classifier the backbone was trained with.

    ``relation (classes, S)`` holds ``p(s | y)``. ``g`` belongs to this term and is trained with the model. Labels may
    be class probabilities: their relation is the mixture of the rows. Prefer it where the new classes are like those
    of pretraining; a relation that is the same for every class only asks for the old classes' frequencies.
    You et al., "Co-Tuning for transfer learning" (2020).
    """

    relation: Tensor

    def __init__(
        self, classifier: nn.Module, relation: NDArray[Any], stream: str = "target", *, name: str = "co_tuning"
    ) -> None:
        super().__init__()
        self.stream, self.name, self.needs = stream, name, frozenset({stream})
        self.classifier = classifier.requires_grad_(True)
        self.register_buffer("relation", torch.from_numpy(relation).float())
        if not torch.allclose(self.relation.sum(1), torch.ones(len(relation)), atol=1e-4):
            raise InputError("each row of a relation is a distribution over the source classes: it must sum to 1.")

    def extra_repr(self) -> str:
        return f"{self.stream!r}, name={self.name!r}"

    def forward(self, view: View) -> dict[str, Tensor]:
        labels = view.labels(self.stream)
        wanted = labels.to(self.relation.dtype) @ self.relation if labels.ndim == 2 else self.relation[labels]
        return {self.name: nn.functional.cross_entropy(self.classifier(view.features(self.stream)), wanted)}
