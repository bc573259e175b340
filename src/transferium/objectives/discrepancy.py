"""How far apart two streams lie, as terms to lower: their means in a kernel's space, their covariances, classes."""

from __future__ import annotations

from torch import Tensor

from transferium.functional.losses.cdd import cdd
from transferium.functional.losses.coral import coral
from transferium.functional.losses.mmd import jmmd, mmd, mmd_linear
from transferium.training.loop.objective import Objective
from transferium.training.loop.view import View


class BetweenStreams(Objective):
    """A term of two streams; ``source`` and ``target`` are their names."""

    default_name = ""

    def __init__(self, source: str = "source", target: str = "unlabeled", *, name: str = "") -> None:
        super().__init__()
        self.source, self.target, self.name = source, target, name or self.default_name
        self.needs = frozenset({source, target})

    def extra_repr(self) -> str:
        return f"{self.source!r}, {self.target!r}, name={self.name!r}"


class MMD(BetweenStreams):
    """``MMD²`` between the features of two streams, five Gaussian kernels around the median: DAN's term.

    ``linear`` takes the linear-time estimate, which is noisier and may be negative: for batches of thousands.
    Long et al., Learning transferable features with deep adaptation networks, ICML 2015.
    """

    default_name = "mmd"

    def __init__(
        self, source: str = "source", target: str = "unlabeled", *, linear: bool = False, name: str = ""
    ) -> None:
        super().__init__(source, target, name=name)
        self.linear = linear

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, linear={self.linear}"

    def forward(self, view: View) -> dict[str, Tensor]:
        distance = mmd_linear if self.linear else mmd
        return {self.name: distance(view.features(self.source), view.features(self.target))}


class JointMMD(BetweenStreams):
    """``MMD²`` between (features, class probabilities) of two streams, one kernel for each multiplied: JAN's term.

    Long et al., Deep transfer learning with joint adaptation networks, ICML 2017.
    """

    default_name = "jmmd"

    def forward(self, view: View) -> dict[str, Tensor]:
        layers = [[view.features(s), view.logits(s).softmax(-1)] for s in (self.source, self.target)]
        return {self.name: jmmd(*layers)}


class Coral(BetweenStreams):
    """``||Cov(source) - Cov(target)||²_F / (4 width²)`` between features: Deep CORAL's term.

    Sun & Saenko, Deep CORAL: correlation alignment for deep domain adaptation, ECCV workshops 2016.
    """

    default_name = "coral"

    def forward(self, view: View) -> dict[str, Tensor]:
        return {self.name: coral(view.features(self.source), view.features(self.target))}


class ContrastiveDiscrepancy(BetweenStreams):
    """Within-class minus between-class ``MMD²`` across two streams that both carry labels: CAN's term.

    The second stream is ``guessed``: target rows with pseudo-labels.
    Kang et al., Contrastive adaptation network for unsupervised domain adaptation, CVPR 2019.
    """

    default_name = "cdd"

    def __init__(self, source: str = "source", target: str = "guessed", *, name: str = "") -> None:
        super().__init__(source, target, name=name)

    def forward(self, view: View) -> dict[str, Tensor]:
        x, y = view.features(self.source), view.labels(self.source)
        return {self.name: cdd(x, y, view.features(self.target), view.labels(self.target))}
