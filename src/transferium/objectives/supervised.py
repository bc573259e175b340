"""The supervised loss of a labelled stream: cross-entropy, or what another problem minimises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from transferium.errors import InputError
from transferium.problems.classes import Classes
from transferium.problems.problem import Problem
from transferium.training.loop.objective import Objective
from transferium.training.loop.view import View


class Supervised(Objective):
    """``mean_i -log softmax(logits_i)[y_i]``, the labels smoothed towards uniform by ``smoothing``.

    Labels may also be class probabilities ``(n, classes)``, as mixing or a teacher makes them. ``weights`` holds one
    number for each row of the stream's domain, mean 1: how much that row counts. ``class_weights`` holds one number for
    each class: ``mean_i -sum_c w_c p_ic log softmax(logits_i)_c``, so that every share of a mixed or smoothed label
    counts by the weight of its own class.
    Where ``problem`` is another than classes, what is minimised is its own: ``mean_i problem.losses``.
    Label smoothing: Szegedy et al., "Rethinking the Inception architecture" (2016); prefer it where labels are noisy or
    probabilities come out too sure, not where calibrated margins between like classes matter.

    >>> 0.5 * Supervised() + Supervised("source", name="source")  # doctest: +ELLIPSIS
    Sum(...
    """

    splits = True

    def __init__(
        self,
        stream: str = "target",
        *,
        smoothing: float = 0.0,
        weights: NDArray[Any] | None = None,
        class_weights: NDArray[Any] | None = None,
        problem: Problem | None = None,
        name: str = "task",
    ) -> None:
        super().__init__()
        # Of classes the losses are those of torch, which also takes mixed and smoothed labels.
        self.problem = None if problem is None or isinstance(problem, Classes) else problem
        if self.problem is not None and (smoothing or class_weights is not None):
            raise InputError(f"label smoothing and class weights are for classes; these are {self.problem.said()}.")
        if not 0 <= smoothing < 1:
            raise InputError(f"label smoothing lies from 0 to below 1; it was {smoothing}.")
        self.stream, self.smoothing, self.name, self.needs = stream, smoothing, name, frozenset({stream})
        self.weights: Tensor | None
        self.class_weights: Tensor | None
        for attribute, given in (("weights", weights), ("class_weights", class_weights)):
            self.register_buffer(attribute, None if given is None else torch.from_numpy(given).float())

    def extra_repr(self) -> str:
        counted = "" if self.class_weights is None else f", class_weights={self.class_weights.tolist()}"
        return f"{self.stream!r}, smoothing={self.smoothing}, name={self.name!r}{counted}"

    def forward(self, view: View) -> dict[str, Tensor]:
        answers, labels = view.logits(self.stream), view.labels(self.stream)
        if self.problem is not None:
            each = self.problem.torch_losses(answers, labels)
        elif self.weights is None and self.class_weights is None:
            return {self.name: nn.functional.cross_entropy(answers, labels, label_smoothing=self.smoothing)}
        # Rows first and their plain mean then: the mean over weights would differ between passes and processes.
        else:
            each = nn.functional.cross_entropy(
                answers, labels, weight=self.class_weights, label_smoothing=self.smoothing, reduction="none"
            )
        if self.weights is not None:
            each = self.weights[view.index(self.stream).to(each.device)] * each
        return {self.name: each.mean()}


class SupervisedTasks(Objective):
    """``Σ_k loss_k`` of several tasks on the same rows, task ``k`` reading the columns of the logits that are its own.

    ``labels`` hold a label of each task for every row of the stream's domain. With ``uncertainty`` the sum is
    ``Σ_k exp(-s_k) · loss_k + s_k / 2``, half the loss of amounts, where ``s_k``, the logarithm of a task's noise, is
    trained along. It starts where the sum is lowest for a model that knows nothing, ``s_k = log(2 loss_k)``: from 0,
    all of them would move alike for hundreds of steps, whose lengths do not depend on how large a loss is.
    Kendall et al., "Multi-task learning using uncertainty to weigh losses" (2018).
    """

    def __init__(
        self,
        problems: Mapping[str, Problem],
        labels: Mapping[str, NDArray[Any]],
        *,
        uncertainty: bool = False,
        stream: str = "target",
    ) -> None:
        super().__init__()
        self.problems, self.stream, self.needs = dict(problems), stream, frozenset({stream})
        self.noise = nn.Parameter(self._noise(labels)) if uncertainty else None
        for k, name in enumerate(problems):
            self.register_buffer(f"labels{k}", torch.from_numpy(labels[name]), persistent=False)

    def _noise(self, labels: Mapping[str, NDArray[Any]]) -> Tensor:
        nothing = [p.losses(np.zeros((len(labels[n]), p.width)), labels[n]).mean() for n, p in self.problems.items()]
        halves = [self._half(problem) for problem in self.problems.values()]
        return torch.tensor(2 * np.multiply(halves, nothing), dtype=torch.float32).clamp_min(1e-6).log()

    @staticmethod
    def _half(problem: Problem) -> float:
        return 0.5 if problem.link == "identity" else 1.0

    def extra_repr(self) -> str:
        return f"{list(self.problems)}, stream={self.stream!r}, uncertainty={self.noise is not None}"

    def forward(self, view: View) -> dict[str, Tensor]:
        scores = torch.split(view.logits(self.stream), [problem.width for problem in self.problems.values()], dim=1)
        terms = {}
        for k, (name, problem) in enumerate(self.problems.items()):
            labels = self.get_buffer(f"labels{k}")
            loss = problem.torch_losses(scores[k], labels[view.index(self.stream).to(labels.device)]).mean()
            if self.noise is not None:
                loss = self._half(problem) * (-self.noise[k]).exp() * loss + self.noise[k] / 2
            terms[f"task {name}"] = loss
        return terms
