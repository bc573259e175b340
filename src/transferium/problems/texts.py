"""Texts that are written: a translation of a text, and a transcript of what is said in a recording."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from transferium.errors import DataError
from transferium.functional.bootstrap import ANY, Interval, bootstrap, gain_interval, units_of
from transferium.functional.metrics.text_metrics import (
    Statistics,
    edit_distance,
    transcript_counts,
    transcript_statistics,
    translation_counts,
    translation_statistics,
)
from transferium.functional.sequences.ragged import ragged, unanswered
from transferium.problems.evaluation import Evaluation, interval_of
from transferium.problems.label_cells import is_several, label_name, missing_cells, missing_rows
from transferium.problems.problem import Array, Labels, Link, Problem, Wording

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T", bound="Texts")


@dataclass(frozen=True)
class Texts(Problem):
    """A text for each example. Labels and outputs are ragged: the numbers that Unicode gives to its signs.

    >>> labels, problem = Translation.read(["Ein Hund.", "Eine Katze."], "de")
    >>> len(labels[0]), problem.cell(labels[0]), problem.names
    (9, 'Ein Hund.', ('text',))
    """

    link: ClassVar[Link] = "identity"
    loss_name: ClassVar[str] = "edit_distance"
    constant_name: ClassVar[str] = "most_frequent_text"
    stratum: ClassVar[str] = "example"
    field: ClassVar[str] = "text"
    output: ClassVar[Literal["pooled", "tokens"]] = "tokens"

    names: tuple[str, ...] = ("text",)

    @classmethod
    def read(cls: type[T], values: Sequence[Any], where: str) -> tuple[Labels, T]:
        """From one text each, in Unicode's form NFC and without blanks at its ends; an empty one is an error."""
        if several := [value for value in values if is_several(value)]:
            raise DataError(f"{where} holds {several[0]!r}, and a text was expected: give one for each example.")
        if missing := missing_rows(values):
            raise DataError(missing_cells("text", missing, len(values), where))
        return ragged(signs(label_name(value)) for value in values), cls()

    def cell(self, label: Any) -> str:
        return written(label)

    def answer(self, outputs: Array) -> str:
        return written(outputs)

    @property
    def columns(self) -> tuple[str, ...]:
        return ()

    # Joining and comparing data -------------------------------------------------------------------------------------

    def joined(self: T, others: Sequence[Problem]) -> T:
        return self

    def match(self, labels: Labels, other: Problem, where: str) -> Labels:
        return labels

    def strata(self, labels: Labels) -> NDArray[np.int64]:
        """All alike: texts are no classes."""
        return np.zeros(len(labels), np.int64)

    def check_learnable(self, labels: Labels, where: str) -> None:
        if len({written(label) for label in labels}) < 2:
            raise DataError(
                f"{self.learner} learns from examples with different texts; {where} holds {len(labels)} with "
                f"{'one' if len(labels) else 'no'} text."
            )

    # Scores ---------------------------------------------------------------------------------------------------------

    def predict(self, outputs: Array) -> Labels:
        """The texts; none of an example without an answer."""
        none = unanswered(outputs)
        return ragged(np.empty(0, np.int32) if none[i] else each.astype(np.int32) for i, each in enumerate(outputs))

    def constant(self, labels: Labels) -> Array:
        """The text that most examples have; of several, the first in order."""
        counts = Counter(map(written, labels))
        best = min(counts, key=lambda text: (-counts[text], text)) if counts else ""
        return signs(best).astype(np.float64)

    def alike(self, learned: Labels, labels: Labels) -> Array:
        best = self.constant(learned)
        outputs: Array = ragged(best for _ in labels)
        return outputs

    def missed(self, labels: Labels, outputs: Array) -> Array:
        """How many signs are to be changed, for each sign that is true."""
        pairs = zip(labels, self.predict(outputs), strict=True)
        return np.array([edit_distance(true, said) / max(1, len(true)) for true, said in pairs], np.float64)

    def losses(self, scores: Array, labels: Labels) -> Array:
        """As ``missed``; what is minimised in training is the business of the methods."""
        return self.missed(labels, scores)

    def torch_losses(self, scores: Tensor, labels: Tensor) -> Tensor:
        raise NotImplementedError("what is minimised to write texts: objectives/writing/")

    def merit(self, labels: Labels, outputs: Array, weights: NDArray[Any] | None = None) -> float:
        times = np.ones(len(labels)) if weights is None else np.asarray(weights)
        return float(self._statistics(labels, outputs)(times[None])[self.headline][0])

    @abstractmethod
    def _measured(self, true: Sequence[str], said: Sequence[str]) -> Statistics:
        """The figures of texts and answers, of counts of examples."""

    def _statistics(self, labels: Labels, outputs: Array) -> Statistics:
        return self._measured([*map(written, labels)], [*map(written, self.predict(outputs))])

    # Measuring ------------------------------------------------------------------------------------------------------

    def evaluate(
        self,
        labels: Labels,
        outputs: Array,
        *,
        seed: int,
        groups: NDArray[Any] | None = None,
        before: Array | None = None,
    ) -> Evaluation:
        """Figures of all texts together, as the field gives them; examples are resampled."""
        del before  # there is nothing to calibrate
        statistics = self._statistics(labels, outputs)
        once = statistics(np.ones((1, len(labels))))
        found = bootstrap(statistics, len(labels), seed=seed, resamples=1000, groups=groups)
        units = units_of(len(labels), groups)
        metrics = {name: interval_of(name, float(value[0]), found[name], units) for name, value in once.items()}
        return Evaluation(dict(metrics), len(labels), self.headline)

    def compare(
        self, labels: Labels, ours: Array, theirs: Array, *, seed: int, groups: NDArray[Any] | None = None
    ) -> Interval:
        """The difference in the headline figure, each example resampled with both models' answers."""
        a, b = (self._statistics(labels, outputs) for outputs in (ours, theirs))
        drawn: dict[str, Any] = {"seed": seed, "resamples": 2000, "groups": groups, "within": ANY}
        return gain_interval(a, b, self.headline, len(labels), lower_is_better=self.lower_is_better, **drawn)


@dataclass(frozen=True)
class Translation(Texts):
    """A text that says in another language, or in other words, what a text says."""

    kind: ClassVar[str] = "translation"
    learner: ClassVar[str] = "a translator"
    headline: ClassVar[str] = "chrf"
    several_are_right: ClassVar[bool] = True
    on_frozen: ClassVar[str] = "translate"
    shown: ClassVar[tuple[tuple[str, str], ...]] = (("chrf", "chrF"), ("bleu", "BLEU"))
    wording: ClassVar[Wording] = Wording.of_share("chrF")

    def said(self) -> str:
        return "texts to be written"

    def _measured(self, true: Sequence[str], said: Sequence[str]) -> Statistics:
        return translation_statistics(translation_counts(true, said))


@dataclass(frozen=True)
class Transcription(Texts):
    """A text that writes down what is said in a recording."""

    kind: ClassVar[str] = "transcription"
    learner: ClassVar[str] = "a transcriber"
    headline: ClassVar[str] = "cer"
    lower_is_better: ClassVar[bool] = True
    on_frozen: ClassVar[str] = "ctc"
    shown: ClassVar[tuple[tuple[str, str], ...]] = (
        ("cer", "character error"),
        ("wer", "word error"),
        ("wrong", "transcripts with a mistake"),
    )
    wording: ClassVar[Wording] = Wording(
        100.0,
        " points",
        "the character error of {ours} is {by} smaller than that of {theirs}",
        "the character error of {ours} is {by} larger than that of {theirs}",
        "the character error of {ours} differs by {by} from that of {theirs}",
    )

    def said(self) -> str:
        return "transcripts"

    def _measured(self, true: Sequence[str], said: Sequence[str]) -> Statistics:
        return transcript_statistics(transcript_counts(true, said))


def signs(text: str) -> NDArray[np.int32]:
    """The number of each sign of a text.

    >>> signs("ab").tolist()
    [97, 98]
    """
    return np.fromiter(map(ord, text), np.int32, len(text))


def written(numbers: NDArray[Any]) -> str:
    """The opposite of :func:`signs`."""
    return "".join(map(chr, np.asarray(numbers).astype(np.int64).tolist()))
