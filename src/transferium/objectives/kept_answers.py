"""The classifier of pretraining goes on answering as it did: learning without forgetting."""

from __future__ import annotations

from torch import Tensor, nn

from transferium.errors import InputError
from transferium.functional.losses.distillation import distillation
from transferium.models.model import Model
from transferium.objectives.teacher import Teacher
from transferium.training.objective import Objective
from transferium.training.view import View


class KeptAnswers(Objective):
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
