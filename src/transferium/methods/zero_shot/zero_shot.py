"""Zero-shot classification: texts are compared with what their labels mean, and nothing is learned."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from transferium.data.domain import Domain, Kind
from transferium.errors import InputError
from transferium.methods.fitted import Fitted
from transferium.methods.method import Method
from transferium.methods.settings.field import setting
from transferium.methods.task import Task
from transferium.methods.zero_shot.answers import Answers, by_cloze, by_cosine
from transferium.methods.zero_shot.descriptions import descriptions_of, read_descriptions
from transferium.methods.zero_shot.templates import check_templates, is_cloze
from transferium.models.heads.linear import Head
from transferium.selection.selection import Selection

NAMED_IN_KIND: tuple[Kind, ...] = ("text",)
"""The kinds of example that the names of labels are themselves."""


@dataclass
class ZeroShot(Method):
    """Texts against the names or descriptions of their labels, through a frozen encoder of texts.

    Nothing is learned: no label is looked at, and data without parts is evaluated on whole.
    ``p_c = softmax(20 · cos(x, w_c))``, ``w_c`` being the mean direction of the descriptions of class c in every
    template, all at length 1. Descriptions come from ``labels``, a JSON object from each label, as it stands in the
    data, to one or more of them; without it the label names are taken. The result of each template alone is shown
    beside that of all, so that their spread is seen; none is chosen.
    Templates with a slot, as in "{text} It was {mask}.", ask a backbone of transformers with a head for masked tokens:
    ``p_c = softmax(mean over words, and over their pieces, of log P(piece at the slot | text))``, the mean over
    templates before the softmax; descriptions are then single words. Prefer zero-shot where there are no labels at all,
    and say in the descriptions what the texts are like rather than what the label is called; with a few labels a class
    ``--shots 8 --draws 10`` sets it beside ``setfit`` and the probe. Chang et al., "Importance of semantic
    representation: dataless classification" (2008); averaged templates: Radford et al., "Learning transferable visual
    models from natural language supervision" (2021); slots: Schick and Schütze, "Exploiting cloze questions for few
    shot text classification" (2021).
    """

    name: ClassVar[str] = "zero-shot"
    learns: ClassVar[bool] = False

    labels: str | Mapping[str, Any] | None = setting(
        None, "JSON file from each label to one or more descriptions; none: the label names"
    )
    templates: tuple[str, ...] = setting(
        ("{}", "This is {}.", "It is about {}."),
        "sentences around a description, which stands at {}; or around a {text}, with a {mask} for a word of its label",
    )

    def check(self) -> None:
        """Raise ``InputError`` for a template without its place, and for descriptions that cannot be read."""
        check_templates(self.templates)
        if self.labels is not None:
            read_descriptions(self.labels)

    def check_data(self, domain: Domain) -> None:
        """Raise ``InputError`` for examples that are no texts, and for labels that nothing says the meaning of."""
        if domain.kind not in NAMED_IN_KIND:
            raise InputError(
                f"zero-shot compares texts with the names of their labels, and {domain.name!r} holds {domain.kind} "
                "examples: use a method that learns, such as ncm or probe."
            )
        descriptions_of(domain.classes, self.labels, domain.name)

    def to_json(self) -> dict[str, Any]:
        """As of every method, with the descriptions themselves instead of where they are."""
        return super().to_json() | {"labels": None if self.labels is None else read_descriptions(self.labels)}

    def fit(self, task: Task) -> Fitted:
        """What the classes are in words; the training part gives their names alone."""
        self.check_data(task.train)
        started = time.perf_counter()
        said = descriptions_of(task.train.classes, self.labels, task.train.name)
        answers = (by_cloze if is_cloze(self.templates) else by_cosine)(task, self.templates, said)
        together = self._fitted(answers, answers.together, said)
        beside = {f"template {name!r}": self._fitted(answers, head, said) for name, head in answers.alone.items()}
        seconds = {"embed": time.perf_counter() - started}
        return replace(together, beside=beside if len(beside) > 1 else {}, seconds=seconds)

    def _fitted(self, answers: Answers, head: Head, said: Mapping[str, Sequence[str]]) -> Fitted:
        rows = [{"label": label, "descriptions": "; ".join(texts)} for label, texts in said.items()]
        notes = ("nothing was learned, and no label was looked at", *answers.notes)
        how = Selection("no comparison", "no example", rows, {"templates": len(self.templates)}, notes)
        return Fitted(self.name, answers.backbone, head, how)
