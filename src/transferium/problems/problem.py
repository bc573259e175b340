"""The problem: what is predicted, in one place.

A problem says how label cells are read and answers are written, how wide a head is and what its scores mean, what is
minimised, how examples are divided, which figures are measured, and how two models are compared.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from transferium.functional.bootstrap import Interval
from transferium.functional.linear_classifier import softmax
from transferium.functional.sequences.ragged import is_ragged_array, within
from transferium.problems.evaluation import Evaluation

if TYPE_CHECKING:
    from torch import Tensor

P = TypeVar("P", bound="Problem")
Labels = NDArray[Any]
Array = NDArray[np.float64]
Link = Literal["softmax", "sigmoid", "identity"]


def linked(scores: Array, link: Link) -> Array:
    """Outputs of scores ``(n, width)``: probabilities that sum to 1, one probability each, or the scores themselves.

    >>> linked(np.array([[0.0, 0.0]]), "softmax").tolist(), linked(np.array([[0.0]]), "sigmoid").tolist()
    ([[0.5, 0.5]], [[0.5]])
    """
    if is_ragged_array(scores):
        return within(lambda each: linked(each, link), scores)
    if link == "identity":
        return scores
    if link == "sigmoid":
        return np.exp(-np.logaddexp(0.0, -scores))
    return softmax(scores)


class Wording(NamedTuple):
    """A difference between two models in words; ``{ours}``, ``{theirs}`` and ``{by}`` are filled in."""

    scale: float
    unit: str
    better: str
    worse: str
    differs: str

    @classmethod
    def of_share(cls, figure: str) -> Wording:
        """The words for a ``figure`` from 0 to 1 of which more is better, in points of a hundred."""
        higher, lower = (
            f"the {figure} of {{ours}} is {{by}} {word} than that of {{theirs}}" for word in ("higher", "lower")
        )
        return cls(
            100.0, " points", higher, lower, f"the {figure} of {{ours}} differs by {{by}} from that of {{theirs}}"
        )


class Drawn(NamedTuple):
    """A frame over a picture, its sides as shares of the picture's; ``state`` is right, missed or wrong."""

    sides: tuple[float, float, float, float]
    state: Literal["right", "missed", "wrong"]
    said: str


@dataclass(frozen=True)
class Problem(ABC):
    """What is predicted. ``names`` are the outputs of a head, in order: classes, labels, or the amount itself.

    ``labels`` are always one entry for each example, along the first axis; their type is the problem's own.
    """

    kind: ClassVar[str]
    """Its name on the command line and in files."""
    learner: ClassVar[str]
    """What a model of it is called in messages."""
    link: ClassVar[Link]
    """What turns scores into outputs: probabilities that sum to 1, one probability each, or the scores themselves."""
    headline: ClassVar[str]
    """The figure that a result is summed up by."""
    loss_name: ClassVar[str]
    """What is minimised, as it is called in records."""
    lower_is_better: ClassVar[bool] = False
    """Whether the headline figure is an error."""
    shown: ClassVar[tuple[tuple[str, str], ...]]
    """The figures that a short table shows, and what they are called there."""

    constant_name: ClassVar[str]
    """What the reference that learns nothing is called (see :meth:`constant`)."""
    stratum: ClassVar[str] = "class"
    """What examples are spread evenly by, in words."""
    field: ClassVar[str] = "label"
    """What an answer of a server is called."""
    wording: ClassVar[Wording]
    """How a difference by the headline figure is said."""
    chosen_on: ClassVar[int | None] = None
    """Of how many rows of features a setting is chosen at most; None: of all. One example may have many rows."""
    reads: ClassVar[str] = ""
    """The kind of example whose parts it labels; empty where any kind of example may have its labels."""
    output: ClassVar[Literal["pooled", "tokens"]] = "pooled"
    """What it needs of a backbone: a row for each example, or one for each part of it (a token, a moment)."""

    several_are_right: ClassVar[bool] = False
    """Whether one example may well have several labels that are right, as a text has several translations."""

    on_frozen: ClassVar[str] = "probe"
    """The method that learns it from frozen features: ``auto`` begins with it, and others are measured beside it."""

    names: tuple[str, ...]

    @abstractmethod
    def said(self) -> str:
        """What the labels are, in words: ``3 classes``, ``18 labels, any number of them each``, ``amounts``."""

    # Cells ----------------------------------------------------------------------------------------------------------

    @classmethod
    @abstractmethod
    def read(cls: type[P], values: Sequence[Any], where: str) -> tuple[Labels, P]:
        """Labels and the problem that label cells hold; raises ``DataError`` for cells that cannot be labels."""

    @abstractmethod
    def cell(self, label: Any) -> str:
        """One label as it is written into a file."""

    @abstractmethod
    def answer(self, outputs: Array) -> str:
        """The answer that one example's outputs ``(width,)`` mean, as it is written into a file."""

    def value(self, outputs: Array) -> Any:
        """The same answer as plain data for JSON."""
        return self.answer(outputs)

    def cells(self, labels: Labels, samples: Any) -> list[str]:
        """Labels as they are written into a file; ``samples.raw(i)`` is the example that each belongs to."""
        return [self.cell(label) for label in labels]

    def answers(self, outputs: Array, samples: Any) -> list[str]:
        """The answer of each example as it is written into a file; nothing of one that could not be read."""
        return ["" if np.isnan(row).any() else self.answer(row) for row in outputs]

    def values(self, outputs: Array, samples: Any) -> list[Any]:
        """The same answers as plain data for JSON."""
        return [None if np.isnan(row).any() else self.value(row) for row in outputs]

    def drawn(self, label: Any, outputs: Array) -> list[Drawn] | None:
        """What is drawn over one example to show its answer; None where nothing is."""
        return None

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that the outputs are written to, beside the answer itself."""
        return tuple(f"p_{name}" for name in self.names)

    # Joining and comparing data -------------------------------------------------------------------------------------

    @abstractmethod
    def joined(self: P, others: Sequence[P]) -> P:
        """The problem of several sets of examples together."""

    @abstractmethod
    def match(self, labels: Labels, other: Problem, where: str) -> Labels:
        """Labels of ``other`` as this problem's; raises ``DataError`` for what a model of this one cannot know."""

    @abstractmethod
    def strata(self, labels: Labels) -> NDArray[np.int64]:
        """A number for each example ``(n,)``: examples of one stratum are spread evenly over parts and folds."""

    def counts(self, labels: Labels) -> dict[str, int]:
        """How many examples of each name there are; none where that is no number of examples."""
        return {}

    @abstractmethod
    def check_learnable(self, labels: Labels, where: str) -> None:
        """Raise ``DataError`` where there is nothing to be learned from these labels."""

    # Scores ---------------------------------------------------------------------------------------------------------

    @property
    def width(self) -> int:
        """How many scores a head gives."""
        return len(self.names)

    @abstractmethod
    def predict(self, outputs: Array) -> Labels:
        """Labels ``(n, …)`` from outputs ``(n, width)``."""

    def calibrate(self, scores: Array, labels: Labels, weights: NDArray[Any] | None = None) -> float:
        """The temperature that makes outputs of held-out scores ``(n, width)`` honest; 1 where there is none."""
        return 1.0

    @abstractmethod
    def constant(self, labels: Labels) -> Array:
        """Outputs ``(width,)`` that are best for all examples alike: the reference that learns nothing."""

    def alike(self, learned: Labels, labels: Labels) -> Array:
        """The outputs of :meth:`constant` for the ``learned`` labels, once for each of ``labels``."""
        return np.tile(self.constant(learned), (len(labels), 1))

    def missed(self, labels: Labels, outputs: Array) -> Array:
        """How far each answer is from its label ``(n,)``, 0 where it is right: the order of mistakes to look at."""
        far = np.abs(self.predict(outputs).astype(np.float64) - labels)
        missed: Array = far.reshape(len(labels), -1).sum(axis=1)
        return missed

    @abstractmethod
    def losses(self, scores: Array, labels: Labels) -> Array:
        """What is minimised, for each example ``(n,)``, from scores ``(n, width)``."""

    @abstractmethod
    def torch_losses(self, scores: Tensor, labels: Tensor) -> Tensor:
        """The same in torch, with gradients."""

    def sizes(self, labels: Labels) -> Array | None:
        """How much each example counts in the mean of what is minimised ``(n,)``, mean 1; None: all alike."""
        return None

    @abstractmethod
    def merit(self, labels: Labels, outputs: Array, weights: NDArray[Any] | None = None) -> float:
        """The headline figure of outputs ``(n, width)``."""

    # Measuring ------------------------------------------------------------------------------------------------------

    @abstractmethod
    def evaluate(
        self,
        labels: Labels,
        outputs: Array,
        *,
        seed: int,
        groups: NDArray[Any] | None = None,
        before: Array | None = None,
    ) -> Evaluation:
        """Every figure with its 95 % interval; ``before`` are the outputs before calibration."""

    @abstractmethod
    def compare(
        self, labels: Labels, ours: Array, theirs: Array, *, seed: int, groups: NDArray[Any] | None = None
    ) -> Interval:
        """How much better ``ours`` is than ``theirs`` on the same examples, by the headline figure: above 0."""

    def to_json(self) -> dict[str, Any]:
        """Plain data that :func:`~transferium.problems.catalogue.problem_from_json` reads."""
        return {"kind": self.kind, "names": list(self.names)}
