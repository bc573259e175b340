"""Features stay what they were: learning without forgetting, where the old classifier is gone."""

from __future__ import annotations

from torch import Tensor

from transferium.errors import InputError
from transferium.models.model import Model
from transferium.objectives.teacher import Teacher
from transferium.training.objective import Objective
from transferium.training.view import View


class KeptFeatures(Objective):
    """``mean_i mean_j ((f_ij - f0_ij) / scale)²``, ``f0`` from a frozen copy of the model as it is now.

    With ``scale`` the root mean square of the centred features, 1 is a shift as large as the features' own spread, for
    every backbone. It keeps all linear classifiers of the old features, whichever they were, on the new inputs.
    After Li & Hoiem, "Learning without forgetting" (2016), who keep the answers of the old task's head: where there is
    that head, see ``KeptAnswers``.
    """

    def __init__(
        self, model: Model, *, scale: float = 1.0, stream: str = "target", name: str = "kept_features"
    ) -> None:
        super().__init__()
        if not scale > 0:
            raise InputError(f"features are divided by scale, which must be above 0; it was {scale}.")
        self.scale, self.stream, self.name, self.needs = scale, stream, name, frozenset({stream})
        self.teacher = Teacher(model)

    def extra_repr(self) -> str:
        return f"{self.stream!r}, scale={self.scale:.4g}, name={self.name!r}"

    def forward(self, view: View) -> dict[str, Tensor]:
        start = self.teacher.look(view, self.stream).features(self.stream)
        return {self.name: ((view.features(self.stream) - start) / self.scale).square().mean()}
