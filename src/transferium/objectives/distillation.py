"""Distillation terms that keep the predictions of the starting network: learning without forgetting."""

from __future__ import annotations

from torch import Tensor, nn

from transferium.errors import InputError
from transferium.functional.losses.distillation import distillation
from transferium.models.model import Model
from transferium.objectives.teacher import Teacher
from transferium.training.loop.objective import Objective
from transferium.training.loop.view import View


class Distillation(Objective):
    """``T² · mean_i KL(softmax(g0(f0_i) / T) || softmax(g(f_i) / T))``: LwF's distillation of the old task.

    ``head`` is the old task's classifier ``g``, features ``(n, width)`` to logits; it belongs to the objective and is
    trained along, as in the paper. ``g0`` and ``f0`` are those of a frozen copy of it and of the model as it is now, on
    the same inputs (augmented alike).
    Li & Hoiem, "Learning without forgetting" (2016).
    """

    def __init__(
        self,
        model: Model,
        head: nn.Module,
        *,
        temperature: float = 2.0,
        stream: str = "target",
        name: str = "kept_answers",
    ) -> None:
        super().__init__()
        if not temperature > 0:
            raise InputError(f"answers are softened by a temperature above 0; it was {temperature}.")
        self.head, self.temperature, self.stream, self.name = head, temperature, stream, name
        self.needs, self.teacher = frozenset({stream}), Teacher(model, head)

    def extra_repr(self) -> str:
        return f"{self.stream!r}, temperature={self.temperature}, name={self.name!r}"

    def forward(self, view: View) -> dict[str, Tensor]:
        old = self.teacher.look(view, self.stream).logits(self.stream)
        new = self.head(view.features(self.stream))
        return {self.name: distillation(new.float(), old.float(), temperature=self.temperature)}


class FeatureDistillation(Objective):
    """``mean_i mean_j ((f_ij - f0_ij) / scale)²``, ``f0`` from a frozen copy of the model as it is now.

    With ``scale`` the root mean square of the centred features, 1 is a shift as large as the features' own spread, for
    every backbone. It keeps all linear classifiers of the old features, whichever they were, on the new inputs.
    After Li & Hoiem, "Learning without forgetting" (2016), which keeps the answers of the old task's head: if there is
    that head, see ``Distillation``.
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
