"""Zero-shot classification: texts are compared with what their labels mean, and nothing is learned."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain, Kind
from transferium.data.read import read
from transferium.errors import InputError
from transferium.functional.matrices import unit_rows
from transferium.methods.fitted import Fitted
from transferium.methods.method import Method
from transferium.methods.settings.field import setting
from transferium.methods.task import Task
from transferium.methods.zero_shot.descriptions import descriptions_of, read_descriptions
from transferium.models.heads.cosine import CosineHead
from transferium.selection.selection import Selection

SCALE = 20.0
"""What a cosine is multiplied by to be a logit: the scale that sentence encoders are commonly trained with."""

NAMED_IN_KIND: tuple[Kind, ...] = ("text",)
"""The kinds of example that the names of labels are themselves."""


@dataclass
class ZeroShot(Method):
    """Texts against the names or descriptions of their labels, through the frozen text encoder.

    Nothing is learned: no label is looked at, and data without parts is evaluated on whole.
    ``p_c = softmax(20 · cos(x, w_c))``, ``w_c`` being the mean direction of the descriptions of class c in every
    template, all at length 1. Descriptions come from ``labels``, a JSON object from each label, as it stands in the
    data, to one or more of them; without it the label names are taken. The result of each template alone is shown
    beside that of all, so that their spread is seen; none is chosen. Prefer it where there are no labels at all, and
    say in the descriptions what the texts are like rather than what the label is called; with a few labels a class
    ``--shots 8 --draws 10`` sets it beside ``setfit`` and the probe. Chang et al., "Importance of semantic
    representation: dataless classification" (2008); averaged templates: Radford et al., "Learning transferable visual
    models from natural language supervision" (2021).
    """

    name: ClassVar[str] = "zero-shot"
    learns: ClassVar[bool] = False

    labels: str | Mapping[str, Any] | None = setting(
        None, "JSON file from each label to one or more descriptions; none: the label names"
    )
    templates: tuple[str, ...] = setting(
        ("{}", "This is {}.", "It is about {}."), "sentences around a description, which stands at {}"
    )

    def check(self) -> None:
        """Raise ``InputError`` for a template without its place, and for descriptions that cannot be read."""
        if not self.templates or any("{}" not in template for template in self.templates):
            raise InputError(f"each of templates has a place {{}} for the description; given were {self.templates}.")
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
        """The directions of the classes; the training part gives their names alone."""
        self.check_data(task.train)
        started = time.perf_counter()
        said = descriptions_of(task.train.classes, self.labels, task.train.name)
        alone = {template: self._directions(task, template, list(said.values())) for template in self.templates}
        together = self._fitted(task, np.mean(list(alone.values()), axis=0), said)
        beside = {f"template {name!r}": self._fitted(task, rows, said) for name, rows in alone.items()}
        seconds = {"embed": time.perf_counter() - started}
        return replace(together, beside=beside if len(beside) > 1 else {}, seconds=seconds)

    def _directions(self, task: Task, template: str, said: Sequence[Sequence[str]]) -> NDArray[np.float64]:
        """The mean direction ``(classes, width)`` of each class's descriptions in one template."""
        texts = [template.replace("{}", text) for texts in said for text in texts]
        rows = unit_rows(task.embed(read(texts, kind="text", name="descriptions of labels")).features)
        ends = np.cumsum([len(texts) for texts in said])
        return unit_rows(np.stack([part.mean(axis=0) for part in np.split(rows, ends[:-1])]))

    def _fitted(self, task: Task, directions: NDArray[np.float64], said: Mapping[str, Sequence[str]]) -> Fitted:
        rows = [{"label": label, "descriptions": "; ".join(texts)} for label, texts in said.items()]
        head = CosineHead(SCALE * unit_rows(directions), np.zeros(len(directions)))
        notes = ("nothing was learned, and no label was looked at",)
        how = Selection("no comparison", "no example", rows, {"templates": len(self.templates)}, notes)
        return Fitted(self.name, task.backbone, head, how)
