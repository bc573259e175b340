"""Adaptation against an adversary whose gradient is reversed: DANN and the methods that followed it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from transferium.methods.deep_adaptation.network import AdaptedNetwork
from transferium.methods.deep_adaptation.state import AdaptationState
from transferium.methods.settings.field import setting

if TYPE_CHECKING:
    from transferium.training.loop.objective import Objective


def grown(growth: str) -> Callable[[float], float]:
    """How the gradient that is reversed grows with progress from 0 to 1."""
    from transferium.functional.losses.reversal import ramp
    from transferium.objectives.adversarial import at_once

    return ramp if growth == "ramp" else at_once


@dataclass
class Adversarial:
    """Before ``AdaptedNetwork``, as a base of a network with a critic, which learns at full strength from the start."""

    needs_target: ClassVar[bool] = True
    makes_alike: ClassVar[bool] = True
    grows_inside: ClassVar[bool] = True

    critic: int = setting(256, "rectified features inside the critic", (32, 1024))


@dataclass
class DANN(Adversarial, AdaptedNetwork):
    """Features from which a critic cannot tell the domain: domain-adversarial training.

    ``CE(source) + weight · BCE(critic(reverse(f)))``.
    Prefer ``cdan`` where the classes are several and moved differently, ``dan`` where training is unstable. It fails
    where class shares differ, for it matches the mixture.
    Ganin et al., Domain-adversarial training of neural networks, JMLR 2016.
    """

    name: ClassVar[str] = "dann"

    def _term(self, state: AdaptationState) -> Objective | None:
        from transferium.objectives.adversarial import DomainAdversarial

        return DomainAdversarial(state.width, hidden=self.critic, growth=grown(self.growth))


@dataclass
class BSP(DANN):
    """``dann`` in which a few directions of the features may not dominate.

    ``penalty · Σ σ₁(f)²`` is added to the loss.
    ``σ₁`` is the largest singular value of each domain's features in a batch. Prefer it to ``dann`` where adapting
    makes domains alike and classes worse; ``cdan`` where classes moved differently. Class shares must still agree.
    Chen et al., Transferability vs. discriminability: batch spectral penalization, ICML 2019.
    """

    name: ClassVar[str] = "bsp"

    penalty: float = setting(1e-4, "weight of the spectral penalty, beside that of the critic", (0.0, 1e-2))

    def _term(self, state: AdaptationState) -> Objective | None:
        from transferium.objectives.spectrum import Spectrum

        term = super()._term(state)
        assert term is not None
        return term + self.penalty * Spectrum()


@dataclass
class CDAN(Adversarial, AdaptedNetwork):
    """``dann`` whose critic looks at features and predictions jointly.

    ``CE(source) + weight · BCE(critic(reverse(f ⊗ p)))``.
    Prefer it to ``dann`` with more than two classes and a source-only model that is mostly right.
    Long et al., Conditional adversarial domain adaptation, NeurIPS 2018.
    """

    name: ClassVar[str] = "cdan"
    entropy: ClassVar[bool] = False

    def _term(self, state: AdaptationState) -> Objective | None:
        from transferium.objectives.adversarial import ConditionalAdversarial

        return ConditionalAdversarial(
            state.width, state.classes, hidden=self.critic, entropy=self.entropy, growth=grown(self.growth)
        )


@dataclass
class CDANE(CDAN):
    """``cdan`` in which sure predictions count up to twice as much for the critic.

    Row ``i`` of the critic's loss weighs ``1 + exp(-H(p_i))``, brought to mean 1 in each domain. Prefer it to ``cdan``
    where unsure answers are mostly wrong ones; not where the model is sure and wrong.
    Long et al., Conditional adversarial domain adaptation, NeurIPS 2018.
    """

    name: ClassVar[str] = "cdan-e"
    entropy: ClassVar[bool] = True


@dataclass
class MDD(Adversarial, AdaptedNetwork):
    """A second classifier disagrees with the first on the target as far as it can.

    ``CE(source) + weight · MDD`` with the gradient reversed before the second classifier, its margin ``margin``.
    Prefer it to ``mcd`` with many classes.
    Zhang et al., Bridging theory and algorithm for domain adaptation, ICML 2019.
    """

    name: ClassVar[str] = "mdd"

    margin: float = setting(4.0, "how much agreeing on the source counts", (1.0, 6.0), {"above": 0})

    def _term(self, state: AdaptationState) -> Objective | None:
        from transferium.objectives.adversarial import MarginDisparity

        growth = grown(self.growth)
        return MarginDisparity(state.width, state.classes, hidden=self.critic, margin=self.margin, growth=growth)
