"""Entities: spans of words in a sentence, each of a type, such as the persons and places that it names."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from transferium.errors import DataError, TransferiumWarning, did_you_mean
from transferium.functional.bootstrap import Interval, bootstrap, gain_interval
from transferium.functional.calibration import fit_temperature
from transferium.functional.linear_classifier import log_softmax
from transferium.functional.metrics.span_metrics import PER_TYPE, confusion_of_spans, span_counts, span_statistics
from transferium.functional.sequences.ragged import flat, lengths, like, owners, ragged, unanswered
from transferium.functional.sequences.tag_sequences import Span, best_tags, span_probability, spans_of, tags_of
from transferium.problems.evaluation import Evaluation, Rests
from transferium.problems.label_cells import is_several, label_name, missing_cells, missing_rows, sort_names
from transferium.problems.problem import Array, Labels, Link, Problem, Wording
from transferium.problems.word_tags import read_tags

if TYPE_CHECKING:
    from torch import Tensor

NOTHING = "nothing"
"""What stands in a confusion matrix for no entity."""


@dataclass(frozen=True, kw_only=True, repr=False)
class SpanEvaluation(Evaluation):
    """An evaluation of spans; a row of ``confusion`` is a type, a column the answer for the same words."""

    classes: tuple[str, ...] = ()
    confusion: list[list[int]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for ``json.dumps``."""
        shown = {"per_type": self.rows_as_dict(), "classes": list(self.classes), "confusion": self.confusion}
        return self.metrics_as_dict() | shown | self.examples_as_dict()


@dataclass(frozen=True)
class Entities(Problem):
    """Spans of the words of a sentence, each of one of ``names``: labels are ragged, a tag for each word.

    Tags are those of ``functional/sequences/tag_sequences.py``: 0 outside, two for each type. A head gives a score for
    each tag of each word, and the answer is the best sequence of tags that is legal.

    >>> labels, problem = Entities.read([["B-place", "I-place", "O"], ["O"]], "tags")
    >>> labels[0].tolist(), problem.names, problem.cell(labels[0])
    ([1, 2, 0], ('place',), '[{"start": 0, "end": 2, "label": "place"}]')
    """

    kind: ClassVar[str] = "entities"
    learner: ClassVar[str] = "a tagger of entities"
    link: ClassVar[Link] = "softmax"
    headline: ClassVar[str] = "span_f1"
    loss_name: ClassVar[str] = "log_loss"
    constant_name: ClassVar[str] = "no_entity"
    stratum: ClassVar[str] = "rarest type of entity"
    field: ClassVar[str] = "spans"
    chosen_on: ClassVar[int | None] = 6000
    reads: ClassVar[str] = "sentence"
    shown: ClassVar[tuple[tuple[str, str], ...]] = (
        ("span_f1", "span F1"),
        ("span_precision", "span precision"),
        ("span_recall", "span recall"),
        ("macro_span_f1", "macro span F1"),
        ("log_loss", "log-loss of a word"),
    )
    wording: ClassVar[Wording] = Wording.of_share("span F1")

    @classmethod
    def read(cls, values: Sequence[Any], where: str) -> tuple[Labels, Entities]:
        """From a list of tags for each sentence (BIO, IOB or BIOES)."""
        if missing := [row for row in missing_rows(values) if not is_several(values[row])]:
            raise DataError(missing_cells("label", missing, len(values), where))
        found, bare = [], 0
        for row, cell in enumerate(values):
            spans, odd = read_tags(cell, f"{where}, row {row + 1} (counted from 1),")
            found.append((spans, len(cell)))
            bare += odd
        if bare:
            words = f"{bare:,} entities in {where} begin with I- and not B-: each is taken for the beginning of one"
            warnings.warn(words, TransferiumWarning, stacklevel=2)
        names = sort_names({kind for spans, _ in found for _, _, kind in spans})
        place = {name: i for i, name in enumerate(names)}
        tagged = (tags_of([(a, b, place[kind]) for a, b, kind in spans], words) for spans, words in found)
        return ragged(tagged), cls(names)

    @property
    def width(self) -> int:
        """The number of tags: outside, and two for each type."""
        return 1 + 2 * len(self.names)

    @property
    def columns(self) -> tuple[str, ...]:
        return ()

    def said(self) -> str:
        return f"entities of {len(self.names)} type{'s' * (len(self.names) != 1)}"

    def cell(self, label: Any) -> str:
        return json.dumps(self._plain(spans_of(label), None), ensure_ascii=False)

    def answer(self, outputs: Array) -> str:
        return json.dumps(self.value(outputs), ensure_ascii=False)

    def value(self, outputs: Array) -> list[dict[str, Any]]:
        return self._plain(spans_of(best_tags(ragged([outputs]))[0]), None, outputs)

    def cells(self, labels: Labels, samples: Any) -> list[str]:
        plain = (self._plain(spans_of(tags), samples.raw(i)) for i, tags in enumerate(labels))
        return [json.dumps(spans, ensure_ascii=False) for spans in plain]

    def answers(self, outputs: Array, samples: Any) -> list[str]:
        found = self.values(outputs, samples)
        return ["" if spans is None else json.dumps(spans, ensure_ascii=False) for spans in found]

    def values(self, outputs: Array, samples: Any) -> list[Any]:
        """The spans of each sentence: their places in its text, their type, their words and how probable they are."""
        none, tags = unanswered(outputs), self.predict(outputs)
        return [
            None if none[i] else self._plain(spans_of(one), samples.raw(i), outputs[i]) for i, one in enumerate(tags)
        ]

    def _plain(self, spans: Sequence[Span], sentence: Any, outputs: Array | None = None) -> list[dict[str, Any]]:
        """Spans as plain data: with a sentence, places count the signs of its text, else they count words.

        With outputs, ``confidence`` is how probable it is that exactly these words are such an entity.
        """
        plain: list[dict[str, Any]] = []
        for first, behind, kind in spans:
            start, end = (first, behind) if sentence is None else sentence.place(first, behind)
            words = {} if sentence is None else {"text": sentence.text[start:end]}
            sure = {} if outputs is None else {"confidence": round(span_probability(outputs, (first, behind, kind)), 6)}
            plain.append({"start": int(start), "end": int(end), "label": self.names[kind]} | words | sure)
        return plain

    # Joining and comparing data -------------------------------------------------------------------------------------

    def joined(self, others: Sequence[Problem]) -> Entities:
        names = chain(self.names, *(other.names for other in others))
        return Entities(sort_names({label_name(name) for name in names}))

    def match(self, labels: Labels, other: Problem, where: str) -> Labels:
        place = {name: i for i, name in enumerate(self.names)}
        used = sorted({kind for tags in labels for _, _, kind in spans_of(tags)})
        if unknown := [other.names[kind] for kind in used if other.names[kind] not in place]:
            raise DataError(
                f"{where} has entities of the type {unknown[0]!r}, which this model was not trained on. "
                f"{did_you_mean(unknown[0], self.names)}"
            )
        table = np.zeros(1 + 2 * len(other.names), np.int64)
        for kind in used:
            table[[1 + 2 * kind, 2 + 2 * kind]] = 1 + 2 * place[other.names[kind]] + np.arange(2)
        return ragged(table[tags] for tags in labels)

    def strata(self, labels: Labels) -> NDArray[np.int64]:
        """The rarest type of each sentence, 0 where it has no entity."""
        there = self._there(labels)
        counts = there.sum(axis=0)
        order = np.where(there > 0, counts, counts.max(initial=0) + 1)
        rarest = np.where(there.any(axis=1), order.argmin(axis=1) + 1, 0) if self.names else np.zeros(len(labels))
        return np.unique(rarest, return_inverse=True)[1]

    def counts(self, labels: Labels) -> dict[str, int]:
        """How many entities there are of each type."""
        return dict(zip(self.names, self._there(labels).sum(axis=0).tolist(), strict=True))

    def _there(self, labels: Labels) -> NDArray[np.int64]:
        """How many entities of each type each sentence has ``(n, types)``."""
        begins = 1 + 2 * np.arange(len(self.names))
        return np.array([(tags[:, None] == begins).sum(axis=0) for tags in labels], np.int64).reshape(len(labels), -1)

    def check_learnable(self, labels: Labels, where: str) -> None:
        if len(labels) < 2 or not self._there(labels).any():
            found = "no entity at all" if len(labels) > 1 else f"{len(labels)} sentence{'s' * (not len(labels))}"
            raise DataError(f"a tagger needs sentences, and entities in some of them; {where} holds {found}.")

    # Scores ---------------------------------------------------------------------------------------------------------

    def predict(self, outputs: Array) -> Labels:
        """The best legal tags of each sentence; none of one without an answer."""
        known = ~unanswered(outputs)
        found = ragged(np.empty(0, np.int64) for _ in outputs)
        found[known] = best_tags(outputs[known])
        return found

    def calibrate(self, scores: Array, labels: Labels, weights: NDArray[Any] | None = None) -> float:
        """One temperature for the tags of all words."""
        each = None if weights is None else weights[owners(labels)]
        return fit_temperature(flat(scores), flat(labels), each)

    def constant(self, labels: Labels) -> Array:
        """Outside, for each word."""
        outside: Array = np.zeros(self.width)
        outside[0] = 1
        return outside

    def alike(self, learned: Labels, labels: Labels) -> Array:
        outputs: Array = like(labels, np.tile(self.constant(learned), (int(lengths(labels).sum()), 1)))
        return outputs

    def losses(self, scores: Array, labels: Labels) -> Array:
        """The mean over the words of a sentence of ``-log p`` of the tag that it has."""
        tags, whose = flat(labels), owners(labels)
        each = -log_softmax(flat(scores))[np.arange(len(tags)), tags]
        means: Array = np.bincount(whose, weights=each, minlength=len(labels)) / np.maximum(lengths(labels), 1)
        return means

    def torch_losses(self, scores: Tensor, labels: Tensor) -> Tensor:
        """The same of padded ``scores (n, words, tags)``; words with a label below 0 are padding."""
        from torch.nn.functional import cross_entropy

        each = cross_entropy(scores.transpose(1, 2), labels, reduction="none", ignore_index=-1)
        return each.sum(dim=1) / (labels >= 0).sum(dim=1).clamp_min(1)

    def sizes(self, labels: Labels) -> Array:
        """By the number of words: the mean is over all words."""
        words: Array = lengths(labels) / lengths(labels).mean()
        return words

    def merit(self, labels: Labels, outputs: Array, weights: NDArray[Any] | None = None) -> float:
        times = np.ones(len(labels)) if weights is None else np.asarray(weights)
        return float(span_statistics(self._counted(labels, outputs))(times[None])["span_f1"][0])

    def missed(self, labels: Labels, outputs: Array) -> Array:
        """How many spans are missed or wrong, of each sentence."""
        right, there, answered = self._counted(labels, outputs).sum(axis=2).T
        wrong: Array = there + answered - 2 * right
        return wrong

    def _counted(self, labels: Labels, outputs: Array) -> Array:
        """See ``span_counts``."""
        said = (spans_of(tags) for tags in self.predict(outputs))
        return span_counts([spans_of(tags) for tags in labels], list(said), len(self.names))

    # Measuring ------------------------------------------------------------------------------------------------------

    def evaluate(
        self,
        labels: Labels,
        outputs: Array,
        *,
        seed: int,
        groups: NDArray[Any] | None = None,
        before: Array | None = None,
    ) -> SpanEvaluation:
        """Span F1, strict and micro, with its parts by type, and the log-loss of a word; sentences are resampled."""
        there, said = [spans_of(tags) for tags in labels], [spans_of(tags) for tags in self.predict(outputs)]
        counts = span_counts(there, said, len(self.names))
        spans, words = span_statistics(counts), _word_loss(labels, {"log_loss": outputs, "log_loss_before": before})

        def statistics(times: Array) -> dict[str, Array]:
            found: dict[str, Array] = spans(times) | words(times)
            return found

        estimates = {name: value[0] for name, value in statistics(np.ones((1, len(labels)))).items()}
        samples = bootstrap(statistics, len(labels), seed=seed, resamples=1000, groups=groups)
        rests = Rests(counts[:, 1] > 0, counts[:, 2] > 0, groups)
        rows = []
        for k, name in enumerate(self.names):
            row: dict[str, Any] = {"type": name}
            for figure in PER_TYPE:
                row[figure] = rests.interval(figure, estimates[figure][k], samples[figure][:, k], k)
            rows.append(row | {"support": int(counts[:, 1, k].sum())})
        return SpanEvaluation(
            metrics={
                name: rests.interval(name, value, samples[name])
                for name, value in estimates.items()
                if name not in PER_TYPE
            },
            examples=len(labels),
            headline=self.headline,
            per_output=rows,
            classes=(*self.names, NOTHING),
            confusion=confusion_of_spans(there, said, len(self.names)).tolist(),
        )

    def compare(
        self, labels: Labels, ours: Array, theirs: Array, *, seed: int, groups: NDArray[Any] | None = None
    ) -> Interval:
        """The difference in span F1, each sentence resampled with both models' answers."""
        return gain_in_f1(self._counted(labels, ours), self._counted(labels, theirs), seed=seed, groups=groups)


def gain_in_f1(ours: Array, theirs: Array, *, seed: int, groups: NDArray[Any] | None = None) -> Interval:
    """How much higher the span F1 of the first of two counts (``span_counts``) of the same sentences is."""
    a, b = span_statistics(ours), span_statistics(theirs)
    return gain_interval(a, b, "span_f1", len(ours), seed=seed, resamples=2000, groups=groups)


def _word_loss(labels: Labels, outputs: dict[str, Array | None]) -> Any:
    """The mean of ``-log p`` over all words, for each of several outputs, as a function of counts of sentences."""
    whose, tags, words = owners(labels), flat(labels), lengths(labels).astype(np.float64)
    sums = {
        name: np.bincount(
            whose,
            weights=-np.log(np.maximum(flat(given)[np.arange(len(tags)), tags], np.finfo(np.float64).tiny)),
            minlength=len(labels),
        )
        for name, given in outputs.items()
        if given is not None
    }
    return lambda times: {name: (times @ each) / (times @ words) for name, each in sums.items()}
