"""Self-training: a model's own sure predictions on the target become labels, for itself or for a new network."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from transferium.functional.adaptation.pseudo_labels import RULES, believed
from transferium.functional.linear_classifier import softmax
from transferium.methods.deep_adaptation.network import AdaptedNetwork
from transferium.methods.deep_adaptation.state import AdaptationState
from transferium.methods.settings.checks import BELOW_1
from transferium.methods.settings.field import setting
from transferium.methods.task import Task

if TYPE_CHECKING:
    from transferium.training.loop.objective import Objective
    from transferium.training.loop.stage import Stage


@dataclass
class PseudoLabel(AdaptedNetwork):
    """Train again and again on the source and on target rows that are answered surely.

    ``CE(source) + weight · CE(guessed)``. ``rule`` says which rows are believed: ``fixed`` (probability at least
    ``threshold``), ``balanced`` (the same share of every predicted class), ``flex`` (a lower threshold for classes that
    are rarely sure). Right where source only is mostly right and classes are apart; a wrong sure answer is confirmed.
    Lee, Pseudo-label, ICML workshops 2013; Zou et al., ECCV 2018; Zhang et al., FlexMatch, NeurIPS 2021.
    """

    name: ClassVar[str] = "pseudo-label"
    sharpens: ClassVar[bool] = True
    needs_target: ClassVar[bool] = True

    rule: str = setting("balanced", "which answers are believed: fixed, balanced or flex", RULES)
    threshold: float = setting(0.9, "probability from which an answer is sure", (0.5, 0.99), {"most": 1})
    rounds: int = setting(3, "times that labels are guessed anew", (1, 10))
    round_epochs: int = setting(5, "passes over the source in each round", (1, 20))

    def stages(self, task: Task) -> Generator[Stage, None, AdaptationState]:
        state = yield from super().stages(task)
        for number in range(self.rounds if self.weight else 0):
            stage = self._round(task, state, number)
            if stage is None:
                state.notes.append(f"round {number + 1} found fewer than 2 target rows with a sure answer")
                break
            yield stage
        return state

    def _round(self, task: Task, state: AdaptationState, number: int) -> Stage | None:
        from transferium.methods.deep_adaptation.inference import guessed_domain, seen_by

        p = softmax(seen_by(state, "unlabeled")[1])
        kept = self._believed(p)
        if kept.sum() < 2:
            return None
        guessed = guessed_domain(state, p.argmax(axis=1), kept)
        self._renew(task, state)
        state.notes.append(f"round {number + 1} learned from {int(kept.sum())} of {len(kept)} target rows")
        return self._stage(
            task,
            state,
            self._supervised(task, state) + self.weight * self._guessed(),
            streams=state.streams | {"guessed": guessed},
            name=f"round {number + 1}",
            epochs=self.round_epochs,
        )

    def _believed(self, p: NDArray[Any]) -> NDArray[np.bool_]:
        return believed(p, threshold=self.threshold, rule=self.rule)

    def _guessed(self) -> Objective:
        from transferium.objectives.supervised import Supervised

        return Supervised("guessed", name="guessed")

    def _renew(self, task: Task, state: AdaptationState) -> None:
        """Prepare the model for a round: here it stays as it is."""


@dataclass
class NoisyStudent(PseudoLabel):
    """In every round a new student learns from the teacher's answers, under noise.

    ``CE(source) + weight · CE(guessed)``, the guessed rows disturbed by ``strength``; then it is the teacher.
    Prefer it to ``pseudo-label`` where a model that goes on would keep its first mistakes and there is time for a new
    network in each round. Right only where source only is mostly right.
    Xie et al., Self-training with noisy student improves ImageNet classification, CVPR 2020.
    """

    name: ClassVar[str] = "noisy-student"

    threshold: float = setting(0.0, "probability from which an answer is learned from", (0.0, 0.9))
    rule: str = setting("fixed", "which answers are believed: fixed, balanced or flex", RULES)
    round_epochs: int = setting(20, "passes over the source in each round", (1, 20))
    strength: float = setting(0.2, "how much the student's target rows are disturbed", (0.0, 0.5), BELOW_1)

    def _guessed(self) -> Objective:
        from transferium.objectives.consistency import Disturbed

        return Disturbed(super()._guessed(), "guessed", self.strength)

    def _renew(self, task: Task, state: AdaptationState) -> None:
        fresh = self._begin(task)
        state.model, state.encoder, state.tuned = fresh.model, fresh.encoder, fresh.tuned


@dataclass
class FixMatchTraining(AdaptedNetwork):
    """Sure answers on target examples must stay the same where the example is disturbed.

    ``CE(source) + weight · [sure] CE(own answer, answer to the disturbed example)`` on the target.
    Needs disturbances that leave the class alone: good for images, weak for feature rows.
    Sohn et al., FixMatch, NeurIPS 2020.
    """

    name: ClassVar[str] = "fixmatch"
    sharpens: ClassVar[bool] = True
    needs_target: ClassVar[bool] = True

    threshold: float = setting(0.95, "probability from which an answer is sure", (0.5, 0.99), BELOW_1)
    strength: float = setting(0.3, "how much examples are disturbed", (0.0, 0.9), BELOW_1)

    def _term(self, state: AdaptationState) -> Objective | None:
        from transferium.objectives.consistency import FixMatch

        return FixMatch(threshold=self.threshold, strength=self.strength)


@dataclass
class SelfEnsembling(AdaptedNetwork):
    """Answers on the target must agree with those of a moving average of the model.

    ``CE(source) + weight · ||p - teacher||² / classes`` on the target.
    Both see the target's examples disturbed by ``strength``, each in its own way. Prefer it to ``pseudo-label`` where
    answers are seldom sure, and where a disturbance leaves the class alone: images rather than feature rows.
    Tarvainen & Valpola, Mean teachers are better role models, NeurIPS 2017; French et al., ICLR 2018.
    """

    name: ClassVar[str] = "mean-teacher"
    sharpens: ClassVar[bool] = True
    needs_target: ClassVar[bool] = True

    weight: float = setting(10.0, "weight of the transfer term; 0 is source-network", (0.0, 100.0))
    decay: float = setting(0.99, "how slowly the teacher follows", (0.9, 0.999), BELOW_1)
    strength: float = setting(0.2, "how much examples are disturbed", (0.0, 0.9), BELOW_1)

    def _term(self, state: AdaptationState) -> Objective | None:
        from transferium.objectives.consistency import MeanTeacher

        return MeanTeacher(state.model, decay=self.decay, strength=self.strength)


@dataclass
class CAN(AdaptedNetwork):
    """Brings the same classes of both domains together and moves different ones apart.

    ``CE(source) + weight · CDD(source, guessed)``.
    The target's labels are those of the nearest class centroid, found anew in every round. Prefer it where clusters of
    the target are classes and ``dan`` mixed them up.
    Kang et al., Contrastive adaptation network for unsupervised domain adaptation, CVPR 2019.
    """

    name: ClassVar[str] = "can"
    sharpens: ClassVar[bool] = True
    needs_target: ClassVar[bool] = True

    rounds: int = setting(5, "times that target rows are clustered anew", (1, 20))
    round_epochs: int = setting(4, "passes over the source in each round", (1, 20))

    def stages(self, task: Task) -> Generator[Stage, None, AdaptationState]:
        state = yield from super().stages(task)
        for number in range(self.rounds if self.weight else 0):
            yield self._round(task, state, number)
        return state

    def _round(self, task: Task, state: AdaptationState, number: int) -> Stage:
        from transferium.methods.deep_adaptation.inference import clustered_domain
        from transferium.objectives.discrepancy import ContrastiveDiscrepancy

        return self._stage(
            task,
            state,
            self._supervised(task, state) + self.weight * ContrastiveDiscrepancy(),
            streams=state.streams | {"guessed": clustered_domain(state)},
            name=f"round {number + 1}",
            epochs=self.round_epochs,
        )
