"""Distillation terms: they keep what the starting network answered, or give a student what a teacher answers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from transferium.errors import InputError
from transferium.functional.losses.distillation import (
    attention_gap,
    attention_map,
    distillation,
    hint,
    relation_gap,
)
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


class Taught(Objective):
    """``mean over streams of _gap(student, teacher)``, the teacher's part looked up by each row's position.

    ``told`` holds one array for each stream, a row for each of its examples. It is computed before training, from the
    examples as they came, is in no checkpoint, and follows the batches to their device.
    """

    def __init__(self, told: Mapping[str, NDArray[np.floating]], *, name: str) -> None:
        super().__init__()
        self.name, self.needs = name, frozenset(told)
        for stream, rows in told.items():
            self.register_buffer(f"of_{stream}", torch.from_numpy(np.asarray(rows, np.float32)), persistent=False)

    def extra_repr(self) -> str:
        return f"{sorted(self.needs)}, name={self.name!r}"

    def forward(self, view: View) -> dict[str, Tensor]:
        gaps = []
        for stream in sorted(self.needs):
            told = self.get_buffer(f"of_{stream}")
            gaps.append(self._gap(view, stream, told[view.index(stream).to(told.device)]))
        return {self.name: torch.stack(gaps).mean()}

    def _gap(self, view: View, stream: str, told: Tensor) -> Tensor:
        raise NotImplementedError


class TaughtAnswers(Taught):
    """``T² · mean_i KL(softmax(teacher_i / T) || softmax(student_i / T))``, ``told`` being logits ``(n, classes)``.

    Hinton et al., "Distilling the knowledge in a neural network" (2015).
    """

    def __init__(
        self, told: Mapping[str, NDArray[np.floating]], *, temperature: float = 4.0, name: str = "taught_answers"
    ) -> None:
        super().__init__(told, name=name)
        self.temperature = temperature

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, temperature={self.temperature}"

    def _gap(self, view: View, stream: str, told: Tensor) -> Tensor:
        return distillation(view.logits(stream).float(), told, temperature=self.temperature)


class TaughtFeatures(Taught):
    """``1/2 mean_ij ((r(student)_ij - teacher_ij) / scale)²``, the linear map ``r`` trained along.

    ``told`` are pooled features ``(n, teacher's width)``, of which ``width`` of the student are mapped to.
    After Romero et al., "FitNets: hints for thin deep nets" (2015), whose hints are of a layer in the middle.
    """

    def __init__(
        self, told: Mapping[str, NDArray[np.floating]], width: int, *, scale: float = 1.0, name: str = "taught_features"
    ) -> None:
        super().__init__(told, name=name)
        self.scale = scale
        self.regressor = nn.Linear(width, next(iter(told.values())).shape[1])

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, scale={self.scale:.4g}"

    def _gap(self, view: View, stream: str, told: Tensor) -> Tensor:
        return hint(self.regressor(view.features(stream)).float(), told, self.scale)


class TaughtAttention(Taught):
    """``mean_i ||a_i / ||a_i|| - a'_i / ||a'_i|| ||²``, ``a = mean_c maps²`` of the student's module ``layer``.

    ``told`` are the teacher's attention maps ``(n, places)`` on ``grid``, to which the student's are pooled.
    Zagoruyko & Komodakis, "Paying more attention to attention" (2017).
    """

    def __init__(
        self,
        told: Mapping[str, NDArray[np.floating]],
        layer: str,
        grid: tuple[int, int],
        *,
        name: str = "taught_attention",
    ) -> None:
        super().__init__(told, name=name)
        self.layer, self.grid, self.taps = f"backbone.{layer}", grid, frozenset({f"backbone.{layer}"})

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, layer={self.layer!r}, grid={self.grid}"

    def _gap(self, view: View, stream: str, told: Tensor) -> Tensor:
        return attention_gap(attention_map(view.activation(stream, self.layer), self.grid), told)


class TaughtRelations(Taught):
    """Distances and angles among a batch's examples as the teacher sees them: ``relation_gap``.

    ``told`` are the teacher's features ``(n, width)``. Park et al., "Relational knowledge distillation" (2019).
    """

    def __init__(self, told: Mapping[str, NDArray[np.floating]], *, name: str = "taught_relations") -> None:
        super().__init__(told, name=name)

    def _gap(self, view: View, stream: str, told: Tensor) -> Tensor:
        return relation_gap(view.features(stream), told)
