"""Zero-shot classification: examples are compared with what their labels mean, and nothing is learned."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from transferium.data.domain import Domain, Kind
from transferium.data.modality import KINDS
from transferium.errors import InputError
from transferium.methods.fitted import Fitted
from transferium.methods.settings.field import setting
from transferium.methods.task import Task
from transferium.methods.zero_shot.answers import Answers, Said, by_cloze, by_cosine, by_towers
from transferium.methods.zero_shot.templates import is_cloze
from transferium.methods.zero_shot.told_in_words import ToldInWords, as_candidates
from transferium.models.backbone import Backbone
from transferium.models.prompting.cloze_backbone import check_cloze
from transferium.models.prompting.pattern import SLOT
from transferium.models.prompting.two_towers import two_towers
from transferium.selection.selection import Selection


@dataclass(frozen=True)
class Way:
    """How one kind of example is compared with words: its templates where none are given, the answers, a check."""

    templates: tuple[str, ...]
    answers: Callable[[Task, Sequence[str], Said], Answers]
    check: Callable[[Backbone], object]
    slots: bool = False
    """Whether a slot in a sentence can stand beside such an example."""


IN_WORDS: dict[Kind, Way] = {
    "text": Way(("{}", "This is {}.", "It is about {}."), by_cosine, lambda _: None, slots=True),
    "image": Way(("a photo of a {}.", "a picture of a {}.", "{}"), by_towers, two_towers),
}


@dataclass
class ZeroShot(ToldInWords):
    """Examples against words for their labels, by a frozen encoder: texts, or pictures by CLIP.

    Nothing is learned: no label is looked at, and data without parts is evaluated on whole.
    ``p_c = softmax(s · cos(x, w_c))``, ``w_c`` being the mean direction of the descriptions of class c in every
    template, all at length 1, and ``s`` 20 for texts, for pictures what the model was trained with. Descriptions come
    from ``labels``, a JSON object from each label, as it stands in the data, to one or more of them; without it the
    label names are taken. The result of each template alone is shown beside that of all, so that their spread is seen;
    none is chosen. Pictures need a backbone of the CLIP kind: a folder of transformers with a CLIPModel.
    Templates with a slot, as in "{text} It was {mask}.", ask a backbone of transformers with a head for masked tokens:
    ``p_c = softmax(mean over words, and over their pieces, of log P(piece at the slot | text))``, the mean over
    templates before the softmax; descriptions are then words. Prefer zero-shot where there are no labels at all,
    and say in the descriptions what the examples are like rather than what the label is called; with a few labels a
    class ``--shots 8 --draws 10`` sets it beside ``setfit`` and the probe. Chang et al., "Importance of semantic
    representation: dataless classification" (2008); averaged templates, pictures: Radford et al., "Learning
    transferable visual models from natural language supervision" (2021); slots: Schick and Schütze, "Exploiting cloze
    questions for few shot text classification" (2021).
    """

    name: ClassVar[str] = "zero-shot"
    learns: ClassVar[bool] = False
    reads: ClassVar[tuple[Kind, ...]] = tuple(IN_WORDS)

    templates: tuple[str, ...] = setting(
        (),
        "sentences around a description, which stands at {}, or around a {text}, with a {mask} for a word of its "
        "label; none: three simple ones",
    )

    def check_data(self, domain: Domain) -> None:
        """As of every such method; a slot stands beside a text alone."""
        super().check_data(domain)
        if is_cloze(self.templates) and not IN_WORDS[domain.kind].slots:
            raise InputError(f"a slot {SLOT} stands in a sentence beside a text, and these are {KINDS[domain.kind]}.")

    def check_backbone(self, backbone: Backbone) -> None:
        """Raise ``BackboneError`` where pictures come without a tower for words, or a slot without its head."""
        (check_cloze if is_cloze(self.templates) else IN_WORDS[backbone.kind].check)(backbone)

    def fit(self, task: Task) -> Fitted:
        """What the classes are in words; the training part gives their names alone."""
        self.check_data(task.train)
        started, said, way = time.perf_counter(), self.said(task.train), IN_WORDS[task.train.kind]
        templates = self.templates or way.templates
        answers = (by_cloze if is_cloze(templates) else way.answers)(task, templates, said)
        notes = ("nothing was learned, and no label was looked at", *answers.notes)
        how = Selection("no comparison", "no example", as_candidates(said), {"templates": len(templates)}, notes)
        together = Fitted(self.name, answers.backbone, answers.together, how)
        beside = {f"template {name!r}": replace(together, head=head) for name, head in answers.alone.items()}
        seconds = {"embed": time.perf_counter() - started}
        return replace(together, beside=beside if len(beside) > 1 else {}, seconds=seconds)
