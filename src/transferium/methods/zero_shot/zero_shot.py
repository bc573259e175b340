"""Zero-shot classification: texts are compared with what their labels mean, and nothing is learned."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import ClassVar

from transferium.methods.fitted import Fitted
from transferium.methods.settings.field import setting
from transferium.methods.task import Task
from transferium.methods.zero_shot.answers import by_cloze, by_cosine
from transferium.methods.zero_shot.templates import is_cloze
from transferium.methods.zero_shot.told_in_words import ToldInWords, as_candidates
from transferium.selection.selection import Selection


@dataclass
class ZeroShot(ToldInWords):
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

    templates: tuple[str, ...] = setting(
        ("{}", "This is {}.", "It is about {}."),
        "sentences around a description, which stands at {}; or around a {text}, with a {mask} for a word of its label",
    )

    def fit(self, task: Task) -> Fitted:
        """What the classes are in words; the training part gives their names alone."""
        self.check_data(task.train)
        started, said = time.perf_counter(), self.said(task.train)
        answers = (by_cloze if is_cloze(self.templates) else by_cosine)(task, self.templates, said)
        notes = ("nothing was learned, and no label was looked at", *answers.notes)
        how = Selection("no comparison", "no example", as_candidates(said), {"templates": len(self.templates)}, notes)
        together = Fitted(self.name, answers.backbone, answers.together, how)
        beside = {f"template {name!r}": replace(together, head=head) for name, head in answers.alone.items()}
        seconds = {"embed": time.perf_counter() - started}
        return replace(together, beside=beside if len(beside) > 1 else {}, seconds=seconds)
