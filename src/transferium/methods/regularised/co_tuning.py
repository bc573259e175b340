"""Co-Tuning: fine-tuning that also keeps the classifier of pretraining in use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from transferium.errors import InputError
from transferium.functional.category_relation import direct_relation, reverse_relation
from transferium.functional.linear_classifier import softmax
from transferium.functional.logistic import fit_path
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.settings.field import setting
from transferium.problems.classes import Classes

if TYPE_CHECKING:
    from torch import nn

    from transferium.methods.finetuning.setup import FineTuneSetup, Term
    from transferium.training.loop.objective import Objective

FOLDS = 5


@dataclass
class CoTuning(FineTune):
    """Fine-tune while the classifier of pretraining goes on answering beside the new one.

    ``supervised + strength · mean_i -Σ_s p(s | y_i) log softmax(g(f_i))_s``, ``g`` being the last layer of pretraining
    (ImageNet's, say), trained along at the backbone's rate. ``p(s | y)`` is learned once from the source predictions
    ``p(s | x)`` on what is trained on, softened by ``temperature``: ``reverse`` (the paper's choice) fits a logistic
    regression ``p(y | s)`` on them, C by cross-validation, and applies Bayes' rule with the mean prediction as
    ``p(s)``; ``direct`` takes each class's mean prediction. The paper calibrates on source data, which does not come
    with a backbone; the default is its program's constant. It needs a backbone that came with its classifier. Prefer
    it with few labels and classes like those of pretraining; ``l2-sp`` or ``delta`` otherwise.
    You et al., "Co-Tuning for transfer learning" (2020).
    """

    name: ClassVar[str] = "co-tuning"
    problems: ClassVar[tuple[str, ...]] = (Classes.kind,)

    strength: float = setting(2.3, "weight of the source classes' cross-entropy", (0.1, 10.0))
    relation: str = setting("reverse", "how p(source class | class) is learned", ("reverse", "direct"))
    temperature: float = setting(1.25, "what the source classifier's logits are divided by", (0.5, 4.0), {"above": 0})

    def _terms(self, setup: FineTuneSetup) -> Iterator[Term]:
        yield self.strength, lambda: self._source_categories(setup)

    def _own_rate(self) -> float:
        return float(self.lr)

    def _source_categories(self, setup: FineTuneSetup) -> Objective:
        from transferium.objectives.co_tuning import SourceCategories

        setup.require_moving(self.name, self.unfreeze)
        if setup.backbone.source_head is None:
            raise InputError(
                f"co-tuning needs the classifier that the backbone was trained with, and {setup.backbone.name} came "
                "without one. The bundled efficientnet_lite0 has one, and so do timm models published with a linear "
                "classifier; text encoders mostly have none. Use l2-sp or delta instead."
            )
        classifier = setup.backbone.source_head()
        return SourceCategories(classifier, self._relation(setup, classifier))

    def _relation(self, setup: FineTuneSetup, classifier: nn.Module) -> NDArray[np.float64]:
        """``p(source class | class)`` of the examples that are trained on, ``(classes, source classes)``."""
        import torch

        train, task = setup.parts.train, setup.task
        with torch.no_grad():
            features = torch.from_numpy(np.asarray(task.embed(train, setup.backbone).features, np.float32))
            logits = classifier(features).double().numpy()
        source = softmax(logits / self.temperature)
        present, y = np.unique(train.y, return_inverse=True)
        if self.relation == "direct" or len(present) < 2:
            return direct_relation(source, train.y, task.classes)
        relation = np.tile(source.mean(axis=0), (task.classes, 1))
        relation[present] = reverse_relation(self._given_source(source, y, setup), source.mean(axis=0))
        return relation

    def _given_source(self, source: NDArray[Any], y: NDArray[Any], setup: FineTuneSetup) -> NDArray[np.float64]:
        """``p(y | s)``: what a logistic regression on source predictions answers to each source class alone."""
        from transferium.methods.folds import held_out_folds
        from transferium.methods.frozen.linear_probe import GRID

        task, classes = setup.task, int(y.max()) + 1
        groups = None if task.groups is None else task.groups[setup.parts.kept]
        fold = held_out_folds(y, FOLDS, replace(task, train=setup.parts.train, val=None, groups=groups))
        path = fit_path(source, y, classes, GRID if fold.max() > 0 else (1.0,), fold)
        chosen = int(path.log_loss.mean(axis=1).argmin())
        return softmax(path.coef[chosen].T + path.intercept[chosen])
