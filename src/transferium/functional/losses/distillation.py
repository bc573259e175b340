"""Knowledge distillation: a student is trained to predict like its teacher."""

from __future__ import annotations

from torch import Tensor

from transferium.errors import InputError
from transferium.functional.losses.vat import divergence


def distillation(student: Tensor, teacher: Tensor, *, temperature: float = 2.0) -> Tensor:
    """``T² · mean_i KL(softmax(teacher_i / T) || softmax(student_i / T))`` for logits ``(n, classes)``; >= 0.

    No gradient reaches the teacher. The factor ``T²`` keeps the gradient's size about the same for every temperature.
    Raises ``InputError`` when the shapes differ or the temperature is not positive.
    Hinton et al., Distilling the knowledge in a neural network, 2015.

    >>> import torch
    >>> distillation(torch.ones(2, 3), torch.ones(2, 3)).item()
    0.0
    """
    if student.shape != teacher.shape or temperature <= 0:
        raise InputError(
            f"distillation needs logits of one shape and a temperature above 0; found {tuple(student.shape)}, "
            f"{tuple(teacher.shape)} and {temperature}"
        )
    return divergence(teacher.detach() / temperature, student / temperature) * temperature**2
