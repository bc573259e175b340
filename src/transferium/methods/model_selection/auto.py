"""The method ``auto``: the probe, unless another method proves better within a budget, on the training part alone."""

from __future__ import annotations

import time
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

import numpy as np

from transferium.data.domain import Kind
from transferium.errors import InputError, did_you_mean, option
from transferium.methods.adaptation_task import AdaptationTask
from transferium.methods.adapted_model import AdaptedModel
from transferium.methods.deep_adaptation.unused import OF_NETWORKS
from transferium.methods.fitted import Fitted
from transferium.methods.frozen.source_only import SourceOnly
from transferium.methods.method import Method
from transferium.methods.model_selection.cheaper import cheaper_or
from transferium.methods.model_selection.guards import TYPED
from transferium.methods.model_selection.saved_decision import Decision, keep, recall
from transferium.methods.model_selection.trials import Trials, said
from transferium.methods.settings.field import setting
from transferium.methods.task import Task
from transferium.methods.unused_settings import Rule, suppress_unused_warnings
from transferium.models.catalogue import OWN
from transferium.problems.catalogue import PROBLEMS
from transferium.problems.classes import Classes
from transferium.selection.selection import Selection
from transferium.system.extras import INSTALL, can_train
from transferium.system.processes import refuse_several

RULE = "the {first}, unless another is more accurate by more than half the width of the interval of their difference"
RULE_WITH_FEW = "the {first}, unless another is more accurate by more than one standard error, since labels are few"

FEW = 32
"""The most labels of a class that are few."""
FIRST_WITH_FEW: dict[Kind, tuple[str, ...]] = {"text": ("setfit",)}
"""Candidates that are tried before the others where labels are few, for the kinds that this was measured on."""


@dataclass
class Auto(Method):
    """Keep the probe unless, within ``--budget``, LP-FT or fine-tuning proves better on folds.

    Of texts with at most 32 labels a class, the SetFit recipe is tried first.
    Where the nearest class mean is as accurate out of fold and has no larger log-loss, it takes the probe's place.
    Each candidate trains on folds of the training part and is compared with the probe's out-of-fold answers on the
    same examples; as many folds are run as the budget holds, counting the final fit on everything. The probe stays
    unless the paired difference in accuracy exceeds half the width of its 95 % interval; with at most 32 labels a class
    all folds are run, with shorter training if need be, and one standard error is enough. Without a budget, or
    where nothing fits into it, this is the probe (or the nearest class mean).

    Beside a source (``--source``), ``adaptations`` are fitted instead, and their answers for the target decide without
    a target label (``most_agreed.py``): two or more of them, or named ``validators``, are needed. One method at
    several weights, ``dan@0.1,dan@1``, lets them choose the weight.
    With ``tuning`` other than frozen the networks among them move the backbone, source only is such a network trained
    on the source alone, and the others adapt its features.
    """

    name: ClassVar[str] = "auto"
    problems: ClassVar[tuple[str, ...]] = tuple(PROBLEMS)
    learns_from_few: ClassVar[bool] = True
    unused_rules: ClassVar[dict[str, Rule]] = OF_NETWORKS

    candidates: tuple[str, ...] = setting(("lp-ft", "finetune"), "methods tried in order")
    adaptations: tuple[str, ...] = setting(
        ("standardise", "coral", "prototypes", "mcc", "cdan", "shot"),
        "methods tried beside source only where there is a --source; mcc@0.3 is mcc at weight 0.3",
    )
    validators: tuple[str, ...] = setting(
        (), "validators that vote on adaptations, as in dev,snd,information; none named: agreement and cross-validation"
    )
    tuning: str = setting("frozen", "how much of the backbone adaptations move: frozen, partial, full or lora")
    unfreeze: int | str = setting(2, "what adaptations move with tuning=partial")
    epochs: int = setting(20, "passes of adaptations over the source", bounds={"least": 1})
    augment: str = setting("auto", "random changes to the examples of adaptations that move the backbone")
    sources: str = setting(
        "combined",
        "several sources: combined, weighted by likeness to the target, or votes of a model each, by every adaptation "
        "that can",
        choices=("combined", "weighted", "votes"),
    )
    folds: int = setting(5, "folds of train, at most", (2, 10), {"least": 2})

    def check(self) -> None:
        """Raise ``InputError`` for a candidate that cannot be tried, and for settings that a candidate refuses."""
        from transferium.functional.validators.catalogue import check_names
        from transferium.methods.catalogue import METHODS

        legal = [name for name in METHODS if name not in ("auto", "probe")]
        for names in (self.candidates, self.adaptations):
            if twice := [name for k, name in enumerate(names) if name in names[:k]]:
                raise InputError(f"auto cannot try {twice[0]!r} twice: name each of {', '.join(names)} once.")
        for name in self.candidates:
            if name not in legal:
                raise InputError(f"auto cannot try {name!r}. {did_you_mean(name, legal)}")
        for given in self.adaptations:
            check_adapts(split_weight(given)[0])
        check_names(self.validators)
        if self.tuning != "frozen" or any("@" in name for name in self.adaptations):
            self.candidate_methods()

    @property
    def trains(self) -> bool:
        return self.tuning != "frozen"

    def candidate_methods(self) -> dict[str, Method]:
        """The candidates of the election, by name; raises ``InputError`` for settings that they refuse."""
        return {given: self._rival(given) for given in self.adaptations}

    def _rival(self, given: str) -> Method:
        from transferium.methods.catalogue import method_class

        name, weight = split_weight(given)
        method = self._as_asked(method_class(name))
        if weight is None:
            return method
        knob = next((knob for knob in ("weight", "strength") if knob in method.get_params()), None)
        if knob is None:
            raise InputError(f"{given!r} gives {name} a weight, and {name} has neither weight nor strength.")
        with suppress_unused_warnings():
            return method.set_params(**{knob: weight})

    def source_only(self) -> Method | None:
        """The probe; where adaptations move the backbone, their network trained on the source alone (all combined)."""
        if self.tuning == "frozen":
            return None
        from transferium.methods.deep_adaptation.network import SourceNetwork

        with suppress_unused_warnings():
            return self._as_asked(SourceNetwork).set_params(sources="combined")

    def looks_at_inputs(self, task: AdaptationTask) -> bool:
        """True: the target's inputs decide, also where they decide for source only."""
        return True

    def _refuse_without_few(self) -> None:
        for given, method in self.candidate_methods().items():
            if method.needs_few:
                raise InputError(
                    f"auto cannot try {given} here: it learns from a few labelled target examples, and there are none. "
                    f"Give {option('few')}, or leave it out of adaptations."
                )

    def _as_asked(self, cls: type[Method]) -> Method:
        from transferium.methods.deep_adaptation.network import AdaptedNetwork

        asked: dict[str, Any] = {}
        if issubclass(cls, AdaptedNetwork):
            asked = {"tuning": self.tuning, "unfreeze": self.unfreeze, "epochs": self.epochs, "augment": self.augment}
        if "sources" in {f.name for f in fields(cls)}:
            asked["sources"] = self.sources
        with suppress_unused_warnings():  # unused settings were reported once already
            return cls(**asked)

    def fit(self, task: Task) -> Fitted:
        """Fit, compare and choose; the selection says what was tried, what it cost and why it was kept or not."""
        from transferium.methods.catalogue import find_method

        started = time.perf_counter()
        first = cheaper_or(find_method(task.problem.on_frozen, {}).fit(task), task)
        if why := _why_not_more(task, first):
            note = f"auto took the {said(first)}: {why}"
            return replace(first, selection=replace(first.selection, notes=(*first.selection.notes, note)))
        refuse_several("auto decides by the clock", "give it one process, or name a method")
        decision = recall(task, self)
        if decision is None:
            trials = Trials(task, first, self.folds, started, few=_few_labels(task))
            for name in self._to_try(task):
                trials.attempt(name)
            decision = trials.conclude()
            keep(task, self, decision)
        return carry_out(decision, task, first)

    def _to_try(self, task: Task) -> tuple[str, ...]:
        """The candidates; where labels are few and none were named, those of ``FIRST_WITH_FEW`` before them."""
        few = _few_labels(task) and self.candidates == type(self).candidates
        return (*FIRST_WITH_FEW.get(task.train.kind, ()), *self.candidates) if few else self.candidates

    def adapt(self, task: AdaptationTask) -> AdaptedModel:
        """Fit source only and the adaptations, and choose; the selection says how they were chosen."""
        from transferium.methods.model_selection.election_with_few import elect_with_few

        if task.target is None:
            self._refuse_without_few()
        return elect_with_few(task, self._to_adapt(task), self.source_only() or SourceOnly(), self.validators)

    def _to_adapt(self, task: AdaptationTask) -> dict[str, Method]:
        """The adaptations; for columns of tables none (``TYPED``), unless they or validators were named."""
        named = self.validators or self.adaptations != type(self).adaptations
        return self.candidate_methods() if named or task.train.kind not in TYPED else {}


def split_weight(given: str) -> tuple[str, float | None]:
    """A method's name, and the weight (or strength) of its transfer term where one is written after it.

    >>> split_weight("mcc@0.3"), split_weight("mcc")
    (('mcc', 0.3), ('mcc', None))
    """
    name, at, weight = given.partition("@")
    try:
        return name, float(weight) if at else None
    except ValueError as error:
        raise InputError(f"auto cannot try {given!r}: behind @ stands a weight, as in mcc@0.3.") from error


def check_adapts(name: str) -> None:
    """Raise ``InputError`` where ``name`` is no method that adapts to a target."""
    from transferium.methods.catalogue import METHODS, method_class

    if name in METHODS and _adapts(method_class(name)):
        return
    legal = [other for other in METHODS if _adapts(method_class(other))]
    if not name:
        raise InputError(f"adaptations must name at least one method that adapts: {', '.join(legal)}.")
    why = " as an adaptation: it does not learn from a target without labels" if name in METHODS else ""
    raise InputError(f"auto cannot try {name!r}{why}. {did_you_mean(name, legal)}")


def _adapts(cls: type[Method]) -> bool:
    return cls.needs_target or cls.needs_few


def _few_labels(task: Task) -> bool:
    """Whether no class has more than ``FEW`` labels."""
    return bool(np.bincount(task.train.y).max() <= FEW)


def has_backbone_to_move(task: Task) -> bool:
    """Whether there is a backbone to train: a table has none."""
    return task.backbone.kind not in OWN


def _why_not_more(task: Task, first: Fitted) -> str:
    """Why nothing is tried beside the first, if nothing is."""
    if not isinstance(task.problem, Classes):
        return f"what beats it within a budget is asked for classes alone, and these are {task.problem.said()}"
    if task.budget_s is None:
        return "no --budget was given to try more"
    if not can_train():
        return f"what it would try trains a network, which needs {INSTALL}"
    if not has_backbone_to_move(task):
        return "features have no backbone to move"
    return "too few examples to hold any out" if first.oof_outputs is None else ""


def carry_out(decision: Decision, task: Task, first: Fitted) -> Fitted:
    """The first, or what was chosen instead, fitted on everything."""
    chosen = first.method if decision.method is None else decision.method.name
    data = f"folds of the training part, {task.budget_s:.0f} s budget"
    rule = (RULE_WITH_FEW if _few_labels(task) else RULE).format(first=said(first))
    rows = [dict(row) for row in decision.rows]
    selection = Selection(rule, data, rows, {"method": chosen})
    if decision.method is None:
        return replace(first, selection=replace(selection, notes=(*first.selection.notes, str(first.selection))))
    fitted = decision.method.fit(task)
    return replace(fitted, selection=replace(selection, notes=(str(fitted.selection),)))
