"""Adaptation by a statistic of the features of both domains, added to the loss: DAN, JAN, Deep CORAL, AFN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from transferium.methods.deep_adaptation.network import AdaptedNetwork
from transferium.methods.deep_adaptation.state import AdaptationState
from transferium.methods.settings.field import setting

if TYPE_CHECKING:
    from transferium.training.loop.objective import Objective


@dataclass
class DAN(AdaptedNetwork):
    """Matches the means of both domains' features in kernel space: maximum mean discrepancy.

    ``CE(source) + weight · MMD²(source, target)`` of the features, five Gaussian kernels.
    Prefer it where the whole cloud of features moved; ``jan`` or ``cdan`` where classes moved differently. It fails
    where class shares differ, since it matches the mixture. ``linear`` takes the linear-time estimate.
    Long et al., Learning transferable features with deep adaptation networks, ICML 2015.
    """

    name: ClassVar[str] = "dan"
    needs_target: ClassVar[bool] = True
    makes_alike: ClassVar[bool] = True

    linear: bool = setting(False, "the linear-time estimate, for batches of thousands", (False, True))

    def _term(self, state: AdaptationState) -> Objective | None:
        from transferium.objectives.discrepancy import MMD

        return MMD(linear=self.linear)


@dataclass
class JAN(AdaptedNetwork):
    """Matches features and predictions of both domains together: joint mean discrepancy.

    ``CE(source) + weight · JMMD(source, target)`` of features and predictions.
    A feature may move only together with what is predicted from it. Prefer ``dan`` where predictions start poor.
    Long et al., Deep transfer learning with joint adaptation networks, ICML 2017.
    """

    name: ClassVar[str] = "jan"
    needs_target: ClassVar[bool] = True
    makes_alike: ClassVar[bool] = True

    def _term(self, state: AdaptationState) -> Objective | None:
        from transferium.objectives.discrepancy import JointMMD

        return JointMMD()


@dataclass
class DeepCORAL(AdaptedNetwork):
    """Matches the covariances of both domains' features while the network trains.

    ``CE(source) + weight · ||Cov(source) - Cov(target)||²_F / (4 width²)`` of the features.
    Sees changes of scale and correlation, not of the mean. The term is small: its default weight is large. Prefer
    ``coral``, the closed form, on frozen features that are many times fewer than the rows.
    Sun & Saenko, Deep CORAL: correlation alignment for deep domain adaptation, ECCV workshops 2016.
    """

    name: ClassVar[str] = "deep-coral"
    needs_target: ClassVar[bool] = True
    makes_alike: ClassVar[bool] = True

    weight: float = setting(100.0, "weight of the transfer term; 0 is source-network", (0.0, 10_000.0))

    def _term(self, state: AdaptationState) -> Objective | None:
        from transferium.objectives.discrepancy import Coral

        return Coral()


@dataclass
class AFN(AdaptedNetwork):
    """Lets the lengths of both domains' features grow alike.

    ``CE(source) + weight · mean (||f|| - (stop(||f||) + step))²`` on both domains.
    Prefer it where target features are merely *weaker* than the source's; it aligns nothing else.
    Xu et al., Larger norm more transferable, ICCV 2019.
    """

    name: ClassVar[str] = "afn"
    needs_target: ClassVar[bool] = True

    weight: float = setting(0.05, "weight of the transfer term; 0 is source-network", (0.0, 1.0))
    step: float = setting(1.0, "how much each norm is asked to grow", (0.1, 2.0))

    def _term(self, state: AdaptationState) -> Objective | None:
        from transferium.objectives.spectrum import FeatureNorms

        return FeatureNorms(step=self.step)
