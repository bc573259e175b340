"""Adversarial training: fine-tuning on examples that an attack has changed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from transferium.data.modality import by_kind
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.fitted import Fitted, Threat
from transferium.methods.settings.field import setting
from transferium.methods.unused_settings import Rule
from transferium.problems.classes import Classes

if TYPE_CHECKING:
    from transferium.data.domain import Kind
    from transferium.methods.finetuning.setup import FineTuneSetup
    from transferium.methods.finetuning.trained import Trained
    from transferium.training.loop.objective import Objective
    from transferium.training.run import Outcome


@dataclass
class Adversarial(FineTune):
    """Fine-tune on examples that an adversary has moved as well as on clean ones.

    Both accuracies are reported.
    ``(1 - share) · loss(x) + share · loss(x + δ)`` for ``fgsm``, ``pgd`` (pixels, feature columns) and ``fgm`` (word
    embeddings of texts); ``loss(x) + share · KL(p(x) || p(x + δ))`` for ``vat``, which needs no labels. Prefer it where
    inputs may be chosen to mislead, or for smoother answers with few labelled texts; expect to pay in clean accuracy.
    Each step costs two passes more (``pgd``: ``steps`` + 1). The fitted model is attacked with its test labels known:
    one trained on signed steps by PGD in ten steps, since a defence against one step can break at the second.
    ``share=0`` trains as ``finetune`` does, and is attacked all the same: what no defence leaves, to compare with.
    Goodfellow et al., "Explaining and harnessing adversarial examples" (2015); Madry et al., "Towards deep learning
    models resistant to adversarial attacks" (2018); Miyato et al., "Adversarial training methods for semi-supervised
    text classification" (2017) and "Virtual adversarial training" (2018).
    """

    name: ClassVar[str] = "adversarial"
    problems: ClassVar[tuple[str, ...]] = (Classes.kind,)
    unused_rules: ClassVar[dict[str, Rule]] = {
        "steps": Rule("attack", lambda m: m.attack == "pgd" and m.share > 0, "attack=pgd and a share above 0")
    }

    attack: str = setting(
        "auto",
        "fgsm, pgd, fgm, vat, or auto: fgsm, and fgm for texts",
        ("auto", "fgsm", "pgd"),
        choices=("auto", "fgsm", "pgd", "fgm", "vat"),
    )
    eps: float | None = setting(
        None,
        "how far: grey levels of 255 (2), a share of a column's spread (0.1) or of a row's length (0.05 to 0.1)",
        bounds={"least": 0},
    )
    steps: int = setting(7, "steps of pgd", (2, 20))
    share: float = setting(
        0.5,
        "weight of the attacked loss; 0 trains as finetune does, and is attacked all the same",
        (0.0, 1.0),
        {"most": 1},
    )

    def _loss(self, setup: FineTuneSetup) -> Objective:
        from transferium.objectives.perturbed import Perturbed, Virtual
        from transferium.training.attack import attack_on

        loss = super()._loss(setup)
        if self.share == 0:
            return loss
        threat = self._threat(setup.task.train.kind)
        attack = attack_on(setup.backbone, setup.parts.train, threat.kind, threat.eps, threat.steps)
        if attack.kind == "vat":
            return loss + self.share * Virtual(attack)
        return Perturbed(loss, attack, share=self.share)

    def _needs_inputs(self) -> str:
        return "the adversary moves the inputs themselves" if self.share else super()._needs_inputs()

    def _threat(self, kind: Kind) -> Threat:
        from transferium.training.attack import SPACES

        attack = by_kind(SPACES, kind, "attack").default if self.attack == "auto" else self.attack
        return Threat(attack, self.eps, self.steps)

    def _conclude(self, outcome: Outcome[Trained], machine: Any, start: float) -> Fitted:
        kind = outcome.result.parts.train.kind
        return replace(super()._conclude(outcome, machine, start), attack=self._threat(kind))
