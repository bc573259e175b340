"""Knowledge distillation: a student is trained to predict like its teacher."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, normalize
from torch.nn.functional import smooth_l1_loss as huber

from transferium.errors import InputError
from transferium.functional.losses.vat import divergence

TINY = 1e-12
"""The least squared distance: two examples with the same features have no direction, and no gradient."""


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


def hint(mapped: Tensor, teacher: Tensor, scale: float = 1.0) -> Tensor:
    """``1/2 mean_i mean_j ((mapped_ij - teacher_ij) / scale)²`` for features ``(n, width)`` of the teacher's width.

    ``mapped`` are the student's features after a regressor that is trained along. With ``scale`` the spread of the
    teacher's features, 1/2 is what answering their mean would give. No gradient reaches the teacher.
    Romero et al., FitNets: hints for thin deep nets, 2015.

    >>> import torch
    >>> hint(torch.ones(2, 3), torch.zeros(2, 3)).item()
    0.5
    """
    return 0.5 * ((mapped - teacher.detach()) / scale).square().mean()


def relation_gap(student: Tensor, teacher: Tensor) -> Tensor:
    """How differently two networks see the distances and angles among one batch's examples; >= 0.

    ``mean_{i≠j} h(d_ij / mean d, d'_ij / mean d') + 2 · mean_{i,j,k} h(cos∠ijk, cos∠'ijk)`` over different examples, of
    features ``(n, width)`` and ``(n, width')``; ``h`` is Huber's loss with its corner at 1. The widths may differ,
    since only relations are compared. 0 for fewer than two rows, no angles for fewer than three. The weights 1 and 2
    are the paper's. No gradient reaches the teacher.
    Park et al., Relational knowledge distillation, 2019.

    >>> import torch
    >>> relation_gap(torch.eye(3), 7 * torch.eye(3)).item()
    0.0
    """
    n = len(student)
    if n < 2:
        return 0.0 * student.sum()
    apart = ~torch.eye(n, dtype=torch.bool, device=student.device)
    ours, theirs = _steps_between(student), _steps_between(teacher.detach())
    gap = huber(_distances(ours, apart), _distances(theirs, apart))
    if n == 2:
        return gap
    # Row j: the cosine at example j between the ways to every i and k.
    corner = apart[:, :, None] & apart[:, None, :] & apart[None]
    return gap + 2 * huber(_cosines(ours)[corner], _cosines(theirs)[corner])


def _steps_between(rows: Tensor) -> Tensor:
    """``rows_i - rows_j`` at ``[j, i]``."""
    return rows.float()[None] - rows.float()[:, None]


def _distances(steps: Tensor, apart: Tensor) -> Tensor:
    lengths = steps[apart].square().sum(-1).clamp_min(TINY).sqrt()
    return lengths / lengths.mean()


def _cosines(steps: Tensor) -> Tensor:
    units = steps / steps.square().sum(-1, keepdim=True).clamp_min(TINY).sqrt()
    return units @ units.transpose(1, 2)


def attention_gap(student: Tensor, teacher: Tensor) -> Tensor:
    """``mean_i ||a_i / ||a_i|| - a'_i / ||a'_i|| ||²`` for attention maps ``(n, positions)``: where each looks.

    No gradient reaches the teacher.
    Zagoruyko & Komodakis, Paying more attention to attention, 2017.

    >>> import torch
    >>> attention_gap(torch.ones(2, 4), 3 * torch.ones(2, 4)).item()
    0.0
    """
    ours, theirs = normalize(student.float(), dim=1), normalize(teacher.detach().float(), dim=1)
    return (ours - theirs).square().sum(1).mean()


def attention_map(maps: Tensor, grid: tuple[int, int]) -> Tensor:
    """``mean_c maps²`` of images' feature maps ``(n, c, h, w)``, pooled to ``grid``: ``(n, positions)``.

    >>> import torch
    >>> attention_map(2 * torch.ones(3, 5, 4, 4), (2, 2))[0].tolist()
    [4.0, 4.0, 4.0, 4.0]
    """
    return adaptive_avg_pool2d(maps.float().square().mean(1, keepdim=True), grid).flatten(1)
