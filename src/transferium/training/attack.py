"""Adversarial attacks on examples: small changes of pixels, feature columns, or the word embeddings of a text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from transferium.data.columns.table import Table
from transferium.data.domain import Domain, Kind
from transferium.data.modality import by_kind
from transferium.errors import InputError
from transferium.functional.losses.attack import rows, worst_in_ball, worst_in_box
from transferium.functional.losses.vat import adversarial_direction
from transferium.models.backbone import Backbone
from transferium.models.columns.encoding import ColumnsPreprocess
from transferium.models.modality import is_ragged
from transferium.models.preprocess import ImagePreprocess

BOXED = ("fgsm", "pgd")
ATTACKS = (*BOXED, "fgm", "vat")
Inputs = tuple[Tensor, ...]
Limits = tuple[Tensor, Tensor | None, Tensor | None]
"""The unit that ``eps`` counts, and the lowest and highest value."""


@dataclass(frozen=True, eq=False)
class Attack:
    """One kind of attack on one kind of data. Build it with :func:`attack_on`.

    ``fgsm`` and ``pgd`` move every number by at most ``unit · eps``; ``fgm`` and ``vat`` move a row by ``eps`` times
    its own length. ``unit``, ``low`` and ``high`` are in the units of the network's inputs.
    """

    kind: str
    eps: float
    steps: int
    data: Kind
    unit: Tensor
    low: Tensor | None = None
    high: Tensor | None = None

    def __str__(self) -> str:
        far = f"{self.eps:g}{SPACES[self.data].units}" if self.boxed else f"{self.eps:g} of a row's length"
        count = f", {self.steps} steps" if self.kind == "pgd" else ""
        place = " in the word embeddings" if is_ragged(self.data) else ""
        return f"{self.kind.upper()}, {far}{place}{count}"

    @property
    def boxed(self) -> bool:
        """Whether each number has its own limit, rather than a whole row."""
        return self.kind in BOXED

    def find(self, module: nn.Module, inputs: Inputs, loss: Callable[[Inputs], Tensor]) -> Tensor:
        """The change that raises ``loss(inputs)``, within the limits; batch statistics are left as they are."""
        at = self._at(module, inputs)
        with _quiet(module):
            climb = self._climb(module, inputs, loss)
            if not self.boxed:
                return worst_in_ball(climb, at, self.eps * _lengths(at))
            return worst_in_box(
                climb,
                at,
                self.eps * self.unit.to(at),
                steps=self.steps if self.kind == "pgd" else 1,
                low=None if self.low is None else self.low.to(at),
                high=None if self.high is None else self.high.to(at),
                random_start=self.kind == "pgd",
            )

    def find_virtual(
        self, module: nn.Module, inputs: Inputs, predict: Callable[[Inputs], Tensor]
    ) -> tuple[Tensor, Tensor]:
        """The change that moves the answers most, whatever the labels are (VAT), and the answers it moves.

        ``predict`` must give the same answers to the same inputs (:func:`drawing_alike`).
        """
        at = self._at(module, inputs)
        with _quiet(module), torch.no_grad():
            clean = predict(inputs)
            size = _lengths(at).mean()

            def answer(delta: Tensor) -> Tensor:
                with self.moved(module, inputs, size * delta) as seen:
                    return predict(seen)

            direction = adversarial_direction(answer, torch.zeros_like(at), clean)
            return rows(self.eps * _lengths(at), at) * direction * self._mask(inputs, at), clean

    @contextmanager
    def moved(self, module: nn.Module, inputs: Inputs, delta: Tensor) -> Iterator[Inputs]:
        """The inputs with the change: added to them, or added to the embeddings while the block runs."""
        first, *rest = inputs
        if not is_ragged(self.data):
            yield (first + delta, *rest)
            return
        hook = _embedding(module).register_forward_hook(lambda _module, _inputs, output: output + delta)
        try:
            yield inputs
        finally:
            hook.remove()

    def _at(self, module: nn.Module, inputs: Inputs) -> Tensor:
        """The values that the attack changes."""
        if not is_ragged(self.data):
            return inputs[0]
        with torch.no_grad():
            found: Tensor = _embedding(module)(inputs[0])
        return found * self._mask(inputs, found)

    def _mask(self, inputs: Inputs, at: Tensor) -> Tensor:
        """Padding is not moved."""
        return inputs[1].unsqueeze(-1).to(at.dtype) if is_ragged(self.data) else torch.ones((), device=at.device)

    def _climb(self, module: nn.Module, inputs: Inputs, loss: Callable[[Inputs], Tensor]) -> Callable[[Tensor], Tensor]:
        def climb(delta: Tensor) -> Tensor:
            masked = delta * self._mask(inputs, delta) if is_ragged(self.data) else delta
            with self.moved(module, inputs, masked) as seen:
                return loss(seen)

        return climb


def attack_on(backbone: Backbone, train: Domain, kind: str, eps: float | None = None, steps: int = 7) -> Attack:
    """The attack in this data's units: grey levels for images, each column's spread for features, lengths for texts.

    Raises ``InputError`` where it makes no sense: signed steps in word embeddings, or pixels behind a transform of the
    user's own, which has an unknown range.
    """
    if kind not in ATTACKS:
        raise InputError(f"there is no attack {kind!r}; the attacks are {', '.join(ATTACKS)}.")
    space = by_kind(SPACES, train.kind, "attack")
    if kind in BOXED and is_ragged(train.kind):
        raise InputError(f"attack={kind!r} takes signed steps in pixels or features; for texts choose fgm or vat.")
    far = eps if eps is not None else space.eps if kind in BOXED else space.share
    return Attack(kind, far, steps, train.kind, *space.limits(backbone, train))


@dataclass(frozen=True)
class Space:
    """How examples of one kind are attacked where nothing else is said.

    Numbers move by ``eps`` in ``units``, whole rows by a ``share`` of their length; ``default`` is the attack.
    """

    eps: float
    share: float
    units: str
    default: str
    limits: Callable[[Backbone, Domain], Limits]


def _pixels(backbone: Backbone, _train: Domain) -> Limits:
    if not isinstance(backbone.preprocess, ImagePreprocess):
        raise InputError("an attack on pixels must know their range, and this backbone reads a transform of its own.")
    mean, std = (torch.tensor(v).view(1, -1, 1, 1) for v in (backbone.preprocess.mean, backbone.preprocess.std))
    return 1 / (255 * std), (0 - mean) / std, (1 - mean) / std


def _columns(backbone: Backbone, train: Domain) -> Limits:
    if isinstance(backbone.preprocess, ColumnsPreprocess) and isinstance(train.samples, Table):
        train = train.embedded(backbone.preprocess.encode(train.samples))
    spread = np.asarray(train.features, dtype=np.float64).std(axis=0).astype(np.float32)
    return torch.from_numpy(spread), None, None


SPACES: dict[Kind, Space] = {
    "image": Space(2.0, 0.05, " of 255 grey levels", "fgsm", _pixels),
    "text": Space(0.1, 0.1, "", "fgm", lambda _backbone, _train: (torch.ones(()), None, None)),
    "row": Space(0.1, 0.1, " of each column's spread", "fgsm", _columns),
    "features": Space(0.1, 0.1, " of each column's spread", "fgsm", _columns),
}


def drawing_alike(ask: Callable[[Inputs], Tensor]) -> Callable[[Inputs], Tensor]:
    """``ask`` with the same random numbers (dropout masks, skipped paths) in every call.

    They are seeded by one number drawn now from torch's generator, which no call moves: a resumed run draws the same.
    """
    key = int(torch.randint(2**62, ()))

    def asked(inputs: Inputs) -> Tensor:
        with torch.random.fork_rng([t.device for t in inputs[:1] if t.is_cuda]):
            torch.manual_seed(key)
            return ask(inputs)

    return asked


def _lengths(at: Tensor) -> Tensor:
    lengths: Tensor = at.detach().flatten(1).norm(dim=1)
    return lengths


def _embedding(module: nn.Module) -> nn.Embedding:
    """The table of words: the largest embedding there is."""
    tables = [m for m in module.modules() if isinstance(m, nn.Embedding)]
    if not tables:
        raise InputError("an attack on texts moves word embeddings, and this backbone has no embedding layer.")
    sizes = [table.num_embeddings for table in tables]
    return tables[sizes.index(max(sizes))]


@contextmanager
def _quiet(module: nn.Module) -> Iterator[None]:
    """Batch normalisation keeps its running statistics during the attack."""
    norms = [m for m in module.modules() if isinstance(m, _BatchNorm) and m.training and m.track_running_stats]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True
