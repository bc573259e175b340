"""Distillation: a small network learns to answer like a larger one that was fitted before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from transferium.artifact import Artifact, load_artifact
from transferium.data.domain import Domain
from transferium.errors import InputError, option
from transferium.methods.distillation.lesson import Lesson, TaughtSetup, fitting_head, lesson_of, read_inputs
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.fitted import Fitted, Rival
from transferium.methods.holdout import HeldOut, hold_out
from transferium.methods.settings.field import setting
from transferium.methods.task import Task
from transferium.methods.unused_settings import Rule
from transferium.problems.classes import Classes
from transferium.selection.selection import Selection
from transferium.system.processes import refuse_several

if TYPE_CHECKING:
    from transferium.methods.finetuning.setup import FineTuneSetup, Term
    from transferium.training.loop.objective import Objective
    from transferium.training.loop.param_groups import Group
    from transferium.training.loop.stage import Stage


@dataclass
class Distil(FineTune):
    """Train a small network to answer like a teacher: a larger model that was fitted before.

    ``(1 - soft) · supervised + soft · T² · mean_i KL(softmax(t_i / T) || softmax(s_i / T))
    + strength · match`` with the logits ``t`` of the model in the run ``teacher``, and those ``s`` of the student, the
    backbone that the job names: a smaller one of the teacher's family, or ``small_cnn``. ``match=features`` adds
    FitNets' hints (of the pooled features, through a linear map that is trained along), ``match=relations`` the
    distances and angles among a batch's examples, ``match=attention`` where the last maps of two networks for images
    are strong. The teacher is asked once for each example, as it came, and its
    answers are stored; the student sees them augmented. ``unlabeled`` names a folder or table of inputs on which the
    teacher's answers are learned as well; an epoch is then a pass over the larger of both. Students start from random
    weights as a rule, and rates are set for that: for a pretrained one give ``lr=1e-4 layer_decay=0.8``. The run also
    holds the student trained without its teacher, which decides the verdict. Prefer it to ``finetune`` where the model
    must be small or quick and a large one does better. Hinton et al., "Distilling the knowledge in a neural network"
    (2015); Romero et al., "FitNets" (2015); Park et al., "Relational knowledge distillation" (2019);
    Zagoruyko & Komodakis, "Paying more attention to attention" (2017).
    """

    name: ClassVar[str] = "distil"
    problems: ClassVar[tuple[str, ...]] = (Classes.kind,)
    unused_rules: ClassVar[dict[str, Rule]] = {
        "temperature": Rule("soft", lambda m: m.soft > 0, "a share of soft answers above 0"),
        "strength": Rule("match", lambda m: m.match != "answers", "match=features, relations or attention"),
    }

    epochs: int = setting(30, "passes over the training examples, or over unlabeled ones if they are more", (1, 100))
    lr: float | str = setting(1e-3, "peak learning rate of the backbone, or auto", (1e-4, 1e-2))
    layer_decay: float = setting(1.0, "each block learns at this times the rate of the one above it", (0.5, 1.0))
    batch_norm: str = setting(
        "batch", "statistics of batch norm: kept as they start, or those of each batch", ("kept", "batch")
    )
    teacher: str = setting("", "the run or saved model that the student learns from", choices=())
    unlabeled: str = setting("", "a folder or table of inputs to learn the teacher's answers on as well", choices=())
    soft: float = setting(
        0.9, "share of the loss that is the teacher's answers; the rest is the labels'", (0.5, 1.0), {"most": 1}
    )
    temperature: float = setting(4.0, "what both answers are softened by", (1.0, 10.0), {"above": 0})
    match: str = setting(
        "answers",
        "what else is matched beside the answers: features, relations, or attention, which needs augment=none",
        ("answers", "features", "relations"),
        choices=("answers", "features", "relations", "attention"),
    )
    strength: float = setting(1.0, "weight of what else is matched", (0.1, 10.0))

    def check(self) -> None:
        """As for ``finetune``; relations are those of a whole batch."""
        super().check()
        if self.match == "relations" and self.accumulate > 1:
            raise InputError(
                f"match=relations compares the examples of a whole batch, and accumulate={self.accumulate} would split "
                "it: use accumulate=1 and a smaller batch_size."
            )

        if self.match == "attention" and self.augment != "none":
            raise InputError(
                f"match=attention compares where two networks look, and augment={self.augment} moves what the student "
                "sees: give augment=none."
            )

    def _needs_inputs(self) -> str:
        return super()._needs_inputs() or ("attention is of the whole network" if self.match == "attention" else "")

    def fit(self, task: Task) -> Fitted:
        """Train the student; raises before that where the teacher cannot teach this task."""
        teacher = self._load()
        head = fitting_head(teacher, task.problem, task.train)
        how = Selection("no comparison: the model as it was given", "nothing", [], {})
        rivals = {
            "teacher": Rival(lambda: Fitted("teacher", teacher.backbone, head, how), learned=teacher.learned),
            "without_teacher": Rival(
                lambda: self._alone(teacher, task), "the same network trained without its teacher"
            ),
        }
        return replace(super().fit(task), rivals=rivals)

    def _load(self) -> Artifact:
        if not self.teacher:
            raise InputError(
                f"method {self.name!r} needs a teacher, the run or saved model that the student learns from: "
                f"{option('set', 'teacher=RUN')}."
            )
        return load_artifact(Path(self.teacher).expanduser())

    def _alone(self, teacher: Artifact, task: Task) -> Fitted:
        """The same network, labelled examples, settings and number of steps without a teacher."""
        parts = hold_out(task, self.val_share)
        longer = self._inputs(teacher, task, parts)
        passes = 1.0 if longer is None else max(1.0, len(longer) / len(parts.train))
        folder = None if task.workdir is None else task.workdir / "without_teacher"
        return self.plain(round(self.epochs * passes)).fit(replace(task, workdir=folder))

    def _inputs(self, teacher: Artifact, task: Task, parts: HeldOut) -> Domain | None:
        return read_inputs(teacher, Path(self.unlabeled).expanduser(), task, parts) if self.unlabeled else None

    def setup(self, task: Task) -> TaughtSetup:
        """As for ``finetune``, with what the teacher says of the examples."""
        plain, teacher = super().setup(task), self._load()
        lesson = Lesson.of(teacher, task, plain.parts.train, self._inputs(teacher, task, plain.parts))
        return TaughtSetup(**{f.name: getattr(plain, f.name) for f in fields(plain)}, lesson=lesson)

    def _loss(self, setup: FineTuneSetup) -> Objective:
        return (1 - self.soft) * super()._loss(setup)

    def _terms(self, setup: FineTuneSetup) -> Iterator[Term]:
        from transferium.objectives.distillation import TaughtAnswers, TaughtFeatures, TaughtRelations

        lesson = lesson_of(setup)
        yield self.soft, lambda: TaughtAnswers(lesson.logits, temperature=self.temperature)
        if self.match == "features":
            width, spread = setup.backbone.width, lesson.spread
            yield self.strength, lambda: TaughtFeatures(lesson.features, width, scale=spread)
        if self.match == "relations":
            refuse_several("relations are those of a whole batch", "train it with one process")
            yield self.strength, lambda: TaughtRelations(lesson.features)
        if self.match == "attention":
            yield self.strength, lambda: self._attention(setup)

    def _attention(self, setup: FineTuneSetup) -> Objective:
        """The term of attention, on the coarser of the two grids of places."""
        from transferium.models.surgery.attention_maps import attention_backbone, last_maps
        from transferium.objectives.distillation import TaughtAttention

        lesson = lesson_of(setup)
        teacher = lesson.teacher.backbone
        layer, ours = last_maps(setup.model.backbone, setup.backbone)
        looks, theirs = last_maps(teacher.build(), teacher)
        grid = min(ours, theirs)
        seen = attention_backbone(teacher, looks, grid)
        domains = {"target": setup.parts.train} | ({} if lesson.unlabeled is None else {"unlabeled": lesson.unlabeled})
        told = {stream: setup.task.embed(domain, seen).features for stream, domain in domains.items()}
        return TaughtAttention(told, layer, grid)

    def _whole_batches(self) -> bool:
        return self.match == "relations"

    def _streams(self, setup: FineTuneSetup) -> dict[str, Domain]:
        streams, inputs = super()._streams(setup), lesson_of(setup).unlabeled
        if inputs is None:
            return streams
        # The first leads: an epoch is a pass over it.
        with_inputs = streams | {"unlabeled": inputs}
        return dict(sorted(with_inputs.items(), key=lambda named: -len(named[1])))

    def _stage(self, setup: FineTuneSetup, groups: tuple[Group, ...], objective: Objective, **options: Any) -> Stage:
        stage = super()._stage(setup, groups, objective, **options)
        stage.about = {**stage.about, "taught by": lesson_of(setup).teacher.fingerprint}
        return stage
