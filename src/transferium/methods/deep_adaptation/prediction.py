"""Networks adapted by a term on their own predictions for the target: BNM, MCC, InfoMax."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from transferium.methods.deep_adaptation.network import AdaptedNetwork
from transferium.methods.deep_adaptation.state import AdaptationState
from transferium.methods.settings.field import setting

if TYPE_CHECKING:
    from transferium.training.loop.objective import Objective


@dataclass
class BNM(AdaptedNetwork):
    """Makes answers on the target sure and varied: batch nuclear-norm maximisation.

    ``CE(source) - weight · ||softmax(target)||_* / n``.
    It assumes classes about equally frequent. Prefer ``mcc`` with many classes or unequal ones.
    Cui et al., Towards discriminability and diversity: batch nuclear-norm maximization, CVPR 2020.
    """

    name: ClassVar[str] = "bnm"
    sharpens: ClassVar[bool] = True
    needs_target: ClassVar[bool] = True

    def _term(self, state: AdaptationState) -> Objective | None:
        from transferium.objectives.prediction import NuclearNorm

        return NuclearNorm()


@dataclass
class MCC(AdaptedNetwork):
    """Classes should not be predicted together on the target: minimum class confusion.

    ``CE(source) + weight · MCC(target)``.
    Needs no critic and no source rows in its term; the first to try where source only is well above chance.
    Jin et al., Minimum class confusion for versatile domain adaptation, ECCV 2020.
    """

    name: ClassVar[str] = "mcc"
    sharpens: ClassVar[bool] = True
    needs_target: ClassVar[bool] = True

    temperature: float = setting(2.5, "softens the answers that are compared", (1.0, 4.0), {"above": 0})

    def _term(self, state: AdaptationState) -> Objective | None:
        from transferium.objectives.prediction import ClassConfusion

        return ClassConfusion(temperature=self.temperature)


@dataclass
class InfoMax(AdaptedNetwork):
    """Answers on the target are to be sure, and all together varied: it may not collapse.

    ``CE(source) + weight · (mean H(p) - diversity · H(mean p))``.
    Target answers are to be sure, and all of them together varied; without ``diversity`` it is plain entropy
    minimisation, which any constant answer pleases. It expects classes about equally frequent. Prefer ``shot`` where
    the source is gone, ``mcc`` with unequal classes.
    Krause et al., Discriminative clustering by regularized information maximization, NeurIPS 2010; Shi & Sha,
    Information-theoretical learning of discriminative clusters for unsupervised domain adaptation, ICML 2012.
    """

    name: ClassVar[str] = "infomax"
    sharpens: ClassVar[bool] = True
    needs_target: ClassVar[bool] = True

    diversity: float = setting(1.0, "weight of the variety of answers beside their sureness", (0.0, 2.0))

    def _term(self, state: AdaptationState) -> Objective | None:
        from transferium.objectives.prediction import InformationMaximisation

        return InformationMaximisation(diversity=self.diversity)
