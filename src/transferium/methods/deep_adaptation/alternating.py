"""Adaptation by players that take turns (MCD, ADDA, CGN), and VADA, which also makes predictions smooth."""

from __future__ import annotations

import copy
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from transferium.methods.deep_adaptation.adversarial import DANN
from transferium.methods.deep_adaptation.network import AdaptedNetwork
from transferium.methods.deep_adaptation.state import AdaptationState
from transferium.methods.settings.checks import RATE
from transferium.methods.settings.field import setting
from transferium.methods.task import Task

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import nn

    from transferium.training.loop.objective import Objective
    from transferium.training.loop.param_groups import Group
    from transferium.training.loop.stage import Stage


@dataclass
class MCD(AdaptedNetwork):
    """Two heads disagree on the target as far as they can, and the features make them agree.

    Turns in every step: everything learns the source; both heads raise their discrepancy on the target and stay right;
    the features lower it, ``turns`` times, at ``weight`` times their rate. The first head is kept. Prefer ``mdd`` with
    many classes. Saito et al., Maximum classifier discrepancy for unsupervised domain adaptation, CVPR 2018.
    """

    name: ClassVar[str] = "mcd"
    needs_target: ClassVar[bool] = True
    makes_alike: ClassVar[bool] = True

    weight: float = setting(1.0, "rate of the features' turns, as a share of lr; 0 is source-network", (0.0, 3.0))
    turns: int = setting(2, "turns of the features in each step", (1, 4))

    def stages(self, task: Task) -> Generator[Stage, None, AdaptationState]:
        from torch import nn

        from transferium.objectives.alternating import HeadDiscrepancy, SecondHead
        from transferium.training.loop.stage import Player

        state = self._begin(task)
        supervised = self._supervised(task, state)
        if self.weight == 0:
            yield self._stage(task, state, supervised)
            return state
        second = nn.Linear(state.width, state.classes)
        heads = [*state.model.head.parameters(), *second.parameters()]
        apart = supervised + SecondHead(second) + HeadDiscrepancy(second, sign=-1.0)
        players = [
            Player(supervised, self._groups(state)),
            Player(SecondHead(second), self._plain(second.parameters(), self.lr)),
            Player(apart, self._plain(heads, self.lr)),
            Player(HeadDiscrepancy(second), self._below(state, self.weight), self.turns),
        ]
        yield self._stage(task, state, None, players=players)
        return state

    def _plain(self, parameters: Iterable[nn.Parameter], lr: float) -> tuple[Group, ...]:
        from transferium.training.loop.param_groups import plain_groups

        return plain_groups(parameters, lr, self.weight_decay)

    def _below(self, state: AdaptationState, factor: float) -> tuple[Group, ...]:
        """Everything below the last layer, its rates multiplied by ``factor``."""
        from transferium.training.loop.param_groups import Group

        body = [Group(g.name, g.params, g.lr * factor, g.weight_decay) for g in self._body(state)]
        return (*body, *self._plain(state.encoder.parameters(), self.lr * factor))


@dataclass
class ADDA(MCD):
    """A copy of the encoder learns to make target rows look like the source's to a critic.

    The last layer stays as the source left it and reads the moved encoder. The encoder learns at ``weight`` times
    ``adapt_lr``. It matches mixtures, so it fails where class shares differ, and it is the least stable of the
    adversarial ones: prefer ``dann`` or ``cdan``.
    Tzeng et al., Adversarial discriminative domain adaptation, CVPR 2017.
    """

    name: ClassVar[str] = "adda"
    rates: ClassVar[tuple[str, ...]] = (*AdaptedNetwork.rates, "adapt_lr")

    weight: float = setting(1.0, "rate of the encoder, as a share of adapt_lr; 0 is source-network", (0.0, 3.0))
    turns: int = setting(3, "turns of the encoder in each step", (1, 4))
    adapt_lr: float = setting(3e-4, "peak learning rate of the encoder once the source is learned", (1e-5, 1e-2), RATE)
    adapt_epochs: int = setting(10, "passes over the source of the second part", (1, 50))
    critic: int = setting(256, "rectified features inside the critic", (32, 1024))

    def stages(self, task: Task) -> Generator[Stage, None, AdaptationState]:
        from transferium.objectives.adversarial import critic
        from transferium.objectives.alternating import Fool, TellApart
        from transferium.training.loop.stage import Player

        state = self._begin(task)
        yield self._stage(task, state, self._supervised(task, state))
        if self.weight == 0:
            return state
        state.at_source = copy.deepcopy(state.model)
        state.model.head.requires_grad_(False)
        judge = critic(state.width, self.critic)
        players = [
            Player(TellApart(state.model.backbone, judge), self._plain(judge.parameters(), self.lr)),
            Player(
                self._and_few(state, Fool(judge)),
                self._below(state, self.weight * self.adapt_lr / self.lr),
                self.turns,
            ),
        ]
        yield self._stage(task, state, None, players=players, name="fool", epochs=self.adapt_epochs)
        return state


@dataclass
class VADA(DANN):
    """``dann``, with answers on the target that are sure and do not change in a small ball.

    ``CE(source) + weight · (domain + entropy(target) + VAT(target) + VAT(source))``: it holds boundaries away from the
    data. Prefer it where classes are clusters. Shu et al., A DIRT-T approach to unsupervised domain adaptation,
    ICLR 2018.
    """

    name: ClassVar[str] = "vada"
    sharpens: ClassVar[bool] = True

    entropy: float = setting(0.1, "weight of the entropy, inside the whole", (0.0, 1.0))
    smoothness: float = setting(0.1, "weight of both smoothness terms, inside the whole", (0.0, 1.0))
    radius: float = setting(0.1, "the ball, as a share of the mean length of a row", (0.01, 0.5))

    def _term(self, state: AdaptationState) -> Objective | None:
        from transferium.objectives.consistency import Smoothness
        from transferium.objectives.prediction import Entropy

        domain = super()._term(state)
        assert domain is not None
        here = Smoothness("source", radius=self.radius, name="smooth_source")
        there = Smoothness(radius=self.radius, name="smooth_target")
        return domain + self.entropy * Entropy() + self.smoothness * here + self.smoothness * there


@dataclass
class CGN(AdaptedNetwork):
    """A small network makes target-like features of each class, and the encoder plays against it.

    Turns in every step: the generator reads a class and noise, and learns to make rows that a critic takes for target
    rows and the head for that class; then everything learns ``CE(source) + weight · (CE(made) - critic(target))``: the
    head knows what was made, and the critic cannot tell target rows from these and the source's. A regulariser of the
    head by examples that nobody has; prefer ``cdan`` or ``mcc`` as methods of their own. It fails where class shares
    differ, since what is made has the source's.
    Volpi et al., Adversarial feature augmentation for unsupervised domain adaptation, CVPR 2018.
    """

    name: ClassVar[str] = "cgn"
    needs_target: ClassVar[bool] = True
    makes_alike: ClassVar[bool] = True

    noise: int = setting(32, "normal numbers that the generator reads beside the class", (4, 128), {"least": 1})
    critic: int = setting(256, "rectified features inside generator and critic", (32, 1024))

    @property
    def has_term(self) -> bool:
        return True

    def stages(self, task: Task) -> Generator[Stage, None, AdaptationState]:
        from transferium.objectives import alternating
        from transferium.objectives.adversarial import critic
        from transferium.training.loop.param_groups import plain_groups
        from transferium.training.loop.stage import Player

        state = self._begin(task)
        supervised = self._supervised(task, state)
        if self.weight == 0:
            yield self._stage(task, state, supervised)
            return state
        maker = alternating.Generator(state.classes, state.width, noise=self.noise, hidden=self.critic)
        judge = critic(state.width + state.classes, self.critic)
        new = [*maker.parameters(), *judge.parameters()]
        against = self._weighted(alternating.AgainstGeneration(maker, judge))
        players = [
            Player(alternating.Generation(maker, judge), plain_groups(new, self.lr, self.weight_decay)),
            Player(supervised + against, self._groups(state)),
        ]
        yield self._stage(task, state, None, players=players)
        return state
