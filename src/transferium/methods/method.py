"""The base class of all methods: its settings, its class attributes and ``fit``. Nothing here imports torch."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar

from transferium.data.domain import Domain
from transferium.errors import InputError, did_you_mean, option
from transferium.methods.adaptation_task import AdaptationTask, SourceModel
from transferium.methods.fitted import Fitted
from transferium.methods.settings.checks import check_values
from transferium.methods.settings.field import declared
from transferium.methods.task import Task
from transferium.methods.unused_settings import Rule, warn_of_unused
from transferium.models.backbone import Backbone
from transferium.problems.classes import Classes


@dataclass
class Method:
    """A named dataclass of hyper-parameters whose ``fit`` turns a task into a fitted model.

    A subclass is a dataclass too; each field declares its help, its search range and what it may be beside its default,
    as in ``rate: float = setting(1e-3, "learning rate", (1e-5, 1e-1), {"above": 0})``.
    """

    name: ClassVar[str] = ""
    problems: ClassVar[tuple[str, ...]] = (Classes.kind,)
    """The kinds of problem that it solves."""
    learns: ClassVar[bool] = True
    """Whether it learns from the training part; where not, data without parts is evaluated on whole."""
    needs_target: ClassVar[bool] = False
    """Whether it needs ``task.unlabeled``, the inputs of a target domain."""
    learns_from_few: ClassVar[bool] = False
    """Whether it learns from ``task.target``, a few labelled target examples, where there are any."""
    needs_few: ClassVar[bool] = False
    """Whether it needs ``task.target``."""
    why_not_few: ClassVar[str] = ": it learns from the source's labels alone"
    """Why it does not learn from them, as the end of a sentence."""
    adapts_models: ClassVar[bool] = False
    """Whether ``task.model`` may replace the source: the method then looks at the target alone."""
    needs_batch_norm: ClassVar[bool] = False
    """Whether it can only adapt a model that has the source's statistics in its layers."""
    holds_out: ClassVar[float] = 0.0
    """The share of the training part that it holds out for its temperature, beside what validators need."""
    makes_alike: ClassVar[bool] = False
    """Whether it makes the domains alike, which is wrong where their class shares truly differ."""
    searched: ClassVar[tuple[str, ...]] = ()
    """The settings that ``tune`` searches where none are named; empty: all that declare a range."""
    unused_rules: ClassVar[dict[str, Rule]] = {}
    """By setting: the rule that says when it has an effect. Rules of the base classes apply as well."""

    def fit(self, task: Task) -> Fitted:
        """Learn from ``task.train`` (and ``task.val`` where there is one)."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it fits")

    def adapt(self, task: AdaptationTask) -> Fitted:
        """Learn from a labelled source, and from a target where the method adapts: one that does not sees none of it.

        Methods that adapt return an ``AdaptedModel``.
        """
        return self.fit(task.without_target())

    def check_data(self, domain: Domain) -> None:
        """Raise ``InputError`` for labelled examples that it cannot work on; asked before anything is embedded."""

    def check_backbone(self, backbone: Backbone) -> None:
        """Raise ``BackboneError`` for a backbone that lacks what it needs; asked before anything is embedded."""

    @property
    def moves_backbone(self) -> bool:
        """Whether it changes the backbone."""
        return False

    @property
    def trains(self) -> bool:
        """Whether it trains a network, for which PyTorch must be installed."""
        return False

    def looks_at_inputs(self, task: AdaptationTask) -> bool:
        """Whether the target's inputs change the fitted model: at weight or strength 0 they do not.

        With ``sources`` other than combined they do at any weight: sources are weighed by likeness to the target.
        """
        settings = self.get_params()
        weighed = task.sources is not None and settings.get("sources", "combined") != "combined"
        return weighed or (self.needs_target and settings.get("weight", settings.get("strength", 1.0)) != 0)

    def adapts(self, task: AdaptationTask) -> bool:
        """Whether anything of the target changes the fitted model: its inputs, or labelled examples of it."""
        return self.looks_at_inputs(task) or (task.target is not None and self.learns_from_few)

    def check_model(self, model: SourceModel, backbone: Backbone) -> None:
        """Raise ``InputError`` where ``model``, which reads ``backbone``, cannot replace the source.

        Called only for methods that adapt models (``adapts_models``).
        """

    def source_only(self) -> Method | None:
        """The method without a target that an adapted model is compared with; None: a probe of the source."""
        return None

    def same_learner(self) -> Method | None:
        """The same learner without the target, where ``source_only`` is another one; else None."""
        return None

    def to_json(self) -> dict[str, Any]:
        """The method's name and every hyper-parameter, ready for ``json.dumps``."""
        return {"name": self.name} | {
            name: list(value) if isinstance(value, tuple) else value for name, value in self.get_params().items()
        }

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Hyper-parameters by name, as scikit-learn asks for them."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def set_params(self, **params: Any) -> Method:
        """Change hyper-parameters by name; the signature is the one scikit-learn's searches call."""
        names = [f.name for f in fields(self)]
        for name, value in params.items():
            if name not in names:
                raise InputError(f"method {self.name!r} has no setting {name!r}. {did_you_mean(name, names)}")
            setattr(self, name, value)
        self.__post_init__()
        return self

    def check(self) -> None:
        """Raise ``InputError`` for hyper-parameters that cannot work together; each by itself is legal.

        Called when a method is built and when it is changed.
        """

    def __post_init__(self) -> None:
        check_values(self)
        self.check()
        warn_of_unused(self)

    @classmethod
    def settings(cls) -> list[dict[str, Any]]:
        """One record per hyper-parameter: ``name``, ``default``, ``help``, search ``range`` and what it may be."""
        return [{"name": name, "default": getattr(cls(), name), **said} for name, said in declared(cls).items()]


class NeedsTarget:
    """Before ``Method`` or a subclass, as a base of those that cannot be fitted without a target."""

    name: ClassVar[str]

    def fit(self, task: Task) -> Fitted:
        """Raise ``InputError``: there is no target; see ``adapt``."""
        raise InputError(
            f"method {self.name!r} adapts a source to a target, and there is no target. Name the labelled data with "
            f"{option('source')} and give the target's inputs as the data."
        )


INSTEAD = "Use pooled, standardise, coral, a network such as mcc or cdan, or auto; or leave them out."


def refuse_few(method: Method, task: AdaptationTask) -> None:
    """Raise ``InputError`` where the task has labelled target examples and the method would ignore them."""
    if task.target is not None and not method.learns_from_few:
        raise InputError(
            f"method {method.name!r} cannot learn from the {len(task.target)} labelled target examples"
            f"{method.why_not_few}. {INSTEAD}"
        )
