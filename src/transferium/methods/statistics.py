"""Adaptation by a statistic: the features of both domains, or the answers on the target, are asked to behave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from transferium.methods.carried import Carried
from transferium.methods.finetune import setting
from transferium.methods.network import AdaptedNetwork

if TYPE_CHECKING:
    from transferium.training.objective import Objective


@dataclass
class DAN(AdaptedNetwork):
    """``CE(source) + weight · MMD²(source, target)`` of the features, five Gaussian kernels: the means are matched.

    Prefer it where the whole cloud of features moved; ``jan`` or ``cdan`` where classes moved differently. It fails
    where class shares differ, since it matches the mixture. ``linear`` takes the linear-time estimate.
    Long et al., Learning transferable features with deep adaptation networks, ICML 2015.
    """

    name: ClassVar[str] = "dan"
    needs_target: ClassVar[bool] = True
    makes_alike: ClassVar[bool] = True

    linear: bool = setting(False, "the linear-time estimate, for batches of thousands", (False, True))

    def _term(self, carried: Carried) -> Objective | None:
        from transferium.objectives.discrepancy import MMD

        return MMD(linear=self.linear)


@dataclass
class JAN(AdaptedNetwork):
    """``CE(source) + weight · JMMD(source, target)`` of features and predictions together.

    A feature may move only together with what is predicted from it. Prefer ``dan`` where predictions start poor.
    Long et al., Deep transfer learning with joint adaptation networks, ICML 2017.
    """

    name: ClassVar[str] = "jan"
    needs_target: ClassVar[bool] = True
    makes_alike: ClassVar[bool] = True

    def _term(self, carried: Carried) -> Objective | None:
        from transferium.objectives.discrepancy import JointMMD

        return JointMMD()


@dataclass
class DeepCORAL(AdaptedNetwork):
    """``CE(source) + weight · ||Cov(source) - Cov(target)||²_F / (4 width²)`` of the features.

    Sees changes of scale and correlation, not of the mean. The term is small: its default weight is large. Prefer
    ``coral``, the closed form, on frozen features that are many times fewer than the rows.
    Sun & Saenko, Deep CORAL: correlation alignment for deep domain adaptation, ECCV workshops 2016.
    """

    name: ClassVar[str] = "deep-coral"
    needs_target: ClassVar[bool] = True
    makes_alike: ClassVar[bool] = True

    weight: float = setting(100.0, "weight of the transfer term; 0 is source-network", (0.0, 10_000.0))

    def _term(self, carried: Carried) -> Objective | None:
        from transferium.objectives.discrepancy import Coral

        return Coral()


@dataclass
class AFN(AdaptedNetwork):
    """``CE(source) + weight · mean (||f|| - (stop(||f||) + step))²`` on both domains: feature norms grow alike.

    Prefer it where target features are merely *weaker* than the source's; it aligns nothing else.
    Xu et al., Larger norm more transferable, ICCV 2019.
    """

    name: ClassVar[str] = "afn"
    needs_target: ClassVar[bool] = True

    weight: float = setting(0.05, "weight of the transfer term; 0 is source-network", (0.0, 1.0))
    step: float = setting(1.0, "how much each norm is asked to grow", (0.1, 2.0))

    def _term(self, carried: Carried) -> Objective | None:
        from transferium.objectives.norms import FeatureNorms

        return FeatureNorms(step=self.step)


@dataclass
class BNM(AdaptedNetwork):
    """``CE(source) - weight · ||softmax(target)||_* / n``: target answers are to be sure and varied.

    It assumes classes about equally frequent. Prefer ``mcc`` with many classes or unequal ones.
    Cui et al., Towards discriminability and diversity: batch nuclear-norm maximization, CVPR 2020.
    """

    name: ClassVar[str] = "bnm"
    needs_target: ClassVar[bool] = True
    needs_clusters: ClassVar[bool] = True

    def _term(self, carried: Carried) -> Objective | None:
        from transferium.objectives.prediction import NuclearNorm

        return NuclearNorm()


@dataclass
class MCC(AdaptedNetwork):
    """``CE(source) + weight · MCC(target)``: classes should not be predicted together.

    Needs no critic and no source rows in its term; the first to try where source only is well above chance.
    Jin et al., Minimum class confusion for versatile domain adaptation, ECCV 2020.
    """

    name: ClassVar[str] = "mcc"
    needs_target: ClassVar[bool] = True
    needs_clusters: ClassVar[bool] = True

    temperature: float = setting(2.5, "softens the answers that are compared", (1.0, 4.0), {"above": 0})

    def _term(self, carried: Carried) -> Objective | None:
        from transferium.objectives.prediction import ClassConfusion

        return ClassConfusion(temperature=self.temperature)


@dataclass
class InfoMax(AdaptedNetwork):
    """``CE(source) + weight · (mean H(p) - diversity · H(mean p))``: entropy minimisation that may not collapse.

    Target answers are to be sure, and all of them together varied; without ``diversity`` it is plain entropy
    minimisation, which any constant answer pleases. It expects classes about equally frequent. Prefer ``shot`` where
    the source is gone, ``mcc`` with unequal classes.
    Krause et al., Discriminative clustering by regularized information maximization, NeurIPS 2010; Shi & Sha,
    Information-theoretical learning of discriminative clusters for unsupervised domain adaptation, ICML 2012.
    """

    name: ClassVar[str] = "infomax"
    needs_target: ClassVar[bool] = True
    needs_clusters: ClassVar[bool] = True

    diversity: float = setting(1.0, "weight of the variety of answers beside their sureness", (0.0, 2.0))

    def _term(self, carried: Carried) -> Objective | None:
        from transferium.objectives.prediction import InformationMaximisation

        return InformationMaximisation(diversity=self.diversity)
