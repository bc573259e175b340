"""What a method is given, what it gives back, and what it is. Nothing here touches torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.errors import DataError, InputError, did_you_mean
from transferium.functional.adaptation.affine import Alignment
from transferium.methods.legal import check_numbers
from transferium.models.any_head import AnyHead
from transferium.models.backbone import Backbone
from transferium.selection.selection import Selection

if TYPE_CHECKING:
    from transferium.embedding.embed import Embedder
    from transferium.training.contact import Contact


@dataclass(frozen=True, eq=False)
class SourceModel:
    """A finished model in the place of a source: the head that reads ``task.backbone``, and who it is.

    ``fingerprint`` is that of backbone, head and class names together.
    """

    head: AnyHead
    name: str
    fingerprint: str


@dataclass
class Task:
    """Everything a method may look at. The test part is not here, so no method can.

    ``groups[i]`` ties training examples that must stay in one fold; ``val`` may stop or choose. ``progress`` is called
    with (what, done, total); ``workdir`` is where a method that can be interrupted keeps its state; ``track`` names the
    trackers that are sent its steps. ``part`` says that these are some of another task's examples (``on``), to
    which no advice on settings is due.

    In domain adaptation ``train`` is the labelled source and ``unlabeled`` holds the target's inputs, without labels by
    type; ``target`` holds the few labelled target examples there may be, and ``sources[i]`` says which of several
    sources training example ``i`` came from. Where a finished ``model`` is all there is of the source, ``train`` holds
    its classes and no examples, and ``backbone`` is the model's.
    """

    train: Domain
    val: Domain | None
    backbone: Backbone
    embedder: Embedder
    seed: int
    groups: NDArray[np.int64] | None = None
    workdir: Path | None = None
    progress: Callable[[str, int, int], None] | None = None
    budget_s: float | None = None
    unlabeled: Domain | None = None
    target: Domain | None = None
    sources: NDArray[np.int64] | None = None
    model: SourceModel | None = None
    track: tuple[str, ...] = ()
    part: bool = False

    def __post_init__(self) -> None:
        if self.unlabeled is not None and self.unlabeled.labels is not None:
            raise DataError(
                f"the unlabelled target {self.unlabeled.name!r} carries labels, which no method may see: "
                "give target.unlabeled()."
            )
        if self.target is not None and self.target.labels is None:
            raise DataError(f"task.target holds labelled target examples; {self.target.name!r} has no labels.")
        if self.target is not None and self.target.classes != self.train.classes:
            raise DataError(
                f"the labelled target {self.target.name!r} has classes {self.target.classes}, the source "
                f"{self.train.classes}: number both alike."
            )

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return len(self.train.classes)

    def on(self, at: NDArray[np.intp]) -> Task:
        """The task on some of its training examples, told to nobody and kept nowhere: a fold, a sample."""
        groups, sources = (None if column is None else column[at] for column in (self.groups, self.sources))
        alone = replace(self, workdir=None, progress=None, track=(), part=True)
        return replace(alone, train=self.train.take(at), groups=groups, sources=sources)

    def embed(self, domain: Domain, backbone: Backbone | None = None) -> Domain:
        """``domain`` seen through ``backbone`` (the task's own when None): the same examples as feature rows.

        Raises ``DataError`` when an example cannot be read: the main job puts such examples aside before any method
        sees them.
        """
        seen = self.embedder(domain, backbone or self.backbone)[0]
        if not seen.ok.all():
            bad = int(np.flatnonzero(~seen.ok)[0])
            reason = seen.problems.get(bad, "it cannot be read")
            raise DataError(
                f"{int((~seen.ok).sum())} of {len(domain)} examples of {domain.name!r} cannot be embedded; "
                f"the first is {domain.ids[bad]!r}: {reason}. Leave them out."
            )
        return domain.embedded(seen.features)


@dataclass(frozen=True)
class Threat:
    """How an adversary may move an example; ``eps`` None is that kind's default (see ``training.attack.attack_on``)."""

    kind: str
    eps: float | None = None
    steps: int = 7


@dataclass(frozen=True)
class Fitted:
    """What fitting leaves: a backbone (the given one or a tuned one), the head that reads it, and how it came about.

    ``oof_probabilities`` are calibrated probabilities of the training examples, each from a model that never saw that
    example (None where a method has none; rows of NaN for examples that were never held out, their class being too
    small). ``history`` holds one flat record per step or epoch.

    ``head`` reads *target* rows of ``backbone``. Where an adapted model reads the source otherwise,
    ``source_head`` does so (over ``source_backbone``, where that is another), and
    ``alignment`` says where the features of each domain went before one linear layer read both (already folded into
    the two heads). ``attack`` is what its accuracy is to be measured under, where a method says so.
    ``contact`` shows a few training examples beside what augmentation made of them, where there was any.
    ``beside`` holds the other models of a choice between several by name, ``source-only`` among them.
    """

    method: str
    backbone: Backbone
    head: AnyHead
    selection: Selection
    history: list[dict[str, Any]] = field(default_factory=list)
    oof_probabilities: NDArray[np.float64] | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    source_head: AnyHead | None = None
    source_backbone: Backbone | None = None
    alignment: Alignment | None = None
    attack: Threat | None = None
    contact: Contact | None = None
    beside: Mapping[str, Fitted] = field(default_factory=dict)

    @property
    def at_source(self) -> tuple[Backbone, AnyHead]:
        """The backbone and the head that read the source."""
        return self.source_backbone or self.backbone, self.source_head or self.head


@dataclass
class Method:
    """A named dataclass of hyper-parameters that knows how to turn a task into a fitted model.

    A subclass is a dataclass too; each field declares its search range and its help beside its default, as in
    ``lr: float = field(default=1e-3, metadata={"range": (1e-5, 1e-1), "help": "learning rate"})``.
    """

    name: ClassVar[str] = ""
    needs_target: ClassVar[bool] = False
    """Whether it needs ``task.unlabeled``, the inputs of a target domain."""
    learns_from_few: ClassVar[bool] = False
    """Whether ``task.target``, a few labelled target examples, are learned from where there are any."""
    needs_few: ClassVar[bool] = False
    """Whether it needs ``task.target``."""
    why_not_few: ClassVar[str] = ": it learns from the source's labels alone"
    """Why they are not, as the end of a sentence."""
    adapts_models: ClassVar[bool] = False
    """Whether ``task.model`` may stand for the source: it then looks at the target alone."""
    needs_batch_norm: ClassVar[bool] = False
    """Whether a model without the source's statistics in its layers leaves nothing to do."""
    needs_clusters: ClassVar[bool] = False
    """Whether it holds because classes are clusters of the target: it sharpens its own answers there."""
    makes_alike: ClassVar[bool] = False
    """Whether it makes the domains alike, which is wrong where their class shares truly differ."""
    searched: ClassVar[tuple[str, ...]] = ()
    """The settings that ``tune`` searches where none are named; empty: all that declare a range."""

    def fit(self, task: Task) -> Fitted:
        """Learn from ``task.train`` (and ``task.val`` where there is one)."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it fits")

    @property
    def moves_backbone(self) -> bool:
        """Whether the backbone that it leaves is another than it was given."""
        return False

    def looks_at_inputs(self, task: Task) -> bool:
        """Whether the target's inputs have a part in what it leaves: at weight or strength 0 they have none.

        By ``sources`` several sources are weighed by their likeness to the target, whatever the weight.
        """
        settings = self.get_params()
        weighed = task.sources is not None and settings.get("sources", "combined") != "combined"
        return weighed or (self.needs_target and settings.get("weight", settings.get("strength", 1.0)) != 0)

    def adapts(self, task: Task) -> bool:
        """Whether anything of the target has: its inputs, or labelled examples of it."""
        return self.looks_at_inputs(task) or (task.target is not None and self.learns_from_few)

    def check_model(self, model: SourceModel, backbone: Backbone) -> None:
        """Raise ``InputError`` where ``model``, which reads ``backbone``, cannot stand for the source."""
        if not self.adapts_models:
            from transferium.methods.catalogue import METHODS, method_class

            alone = ", ".join(name for name in METHODS if method_class(name).adapts_models)
            raise InputError(
                f"method {self.name!r} learns from the source's labelled examples, and {model.name!r} is a saved "
                f"model, which has none. Without them a model is adapted by {alone}; or give the data that it was "
                "made from."
            )

    def source_only(self) -> Method:
        """What an adapted model is put beside, never having seen the target: what one would use without any."""
        from transferium.methods.source_only import SourceOnly

        return SourceOnly()

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
        """Raise ``InputError`` for hyper-parameters that cannot work; called when built and when changed."""

    def __post_init__(self) -> None:
        self.check()
        check_numbers(self)

    @classmethod
    def settings(cls) -> list[dict[str, Any]]:
        """One record per hyper-parameter: ``name``, ``default``, ``range`` and ``help``."""
        return [{"name": f.name, "default": getattr(cls(), f.name), **dict(f.metadata)} for f in fields(cls)]


def require_choice(what: str, given: str, choices: Iterable[str]) -> None:
    """Raise ``InputError`` unless ``given`` is one of ``choices``."""
    legal = list(choices)
    if given not in legal:
        raise InputError(f"{what} cannot be {given!r}. {did_you_mean(given, legal)}")
