"""``transferium inspect``: the doctor alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from transferium.data.doctor.findings import Diagnosis
from transferium.data.domain import Domain
from transferium.data.modality import KINDS, by_kind
from transferium.embedding.embed import Embedder
from transferium.errors import DataError, InputError
from transferium.job.fit.prepare import count_by_class, prepare
from transferium.job.fit.readable import choose_backbone
from transferium.job.stopwatch import Stopwatch
from transferium.training.augment.recipe import LANGUAGES, Language, read_for

if TYPE_CHECKING:
    from transferium.training.preview import Contact


@dataclass(frozen=True)
class Inspected:
    """A domain as the doctor found it."""

    domain: Domain
    diagnosis: Diagnosis
    counts: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready: what was read, how many of each class, the columns of a table, and the findings."""
        about = {"name": self.domain.name, "kind": self.domain.kind, "examples": len(self.domain)}
        about["layout"] = self.domain.layout
        columns = {"columns": [column.as_dict() for column in self.diagnosis.columns]} if self.diagnosis.columns else {}
        return about | {"classes": self.counts} | columns | self.diagnosis.to_json()


def inspect_domain(domain: Domain, backbone: str | None, embedder: Embedder) -> Inspected:
    """Read every example once and diagnose; the features stay in the store for the ``fit`` that follows."""
    chosen, found = choose_backbone(backbone, domain)
    prepared = prepare(domain, embedder, chosen, watch=Stopwatch(embedder.progress), found=found)
    counts = count_by_class(prepared.domain) if prepared.domain.labels is not None else {}
    return Inspected(domain, prepared.diagnosis, counts)


def show_augmented(domain: Domain, backbone: str | None, recipe: str, *, seed: int = 0) -> Contact:
    """A few examples of ``domain``'s training part beside what ``recipe`` makes of them, for ``backbone``'s input.

    Raises ``InputError`` for features and for a recipe that changes nothing here, ``DataError`` where no image can be
    read.
    """
    from transferium.training.feeds.feeds import Feeds
    from transferium.training.preview import contact_of, spread

    language = by_kind(LANGUAGES, domain.kind, "augmentation")
    if domain.parts is not None and (domain.parts == "train").any():
        domain = domain.part("train")
    if not read_for(language, recipe):
        raise InputError(
            f"augment={recipe!r} changes nothing in {KINDS[domain.kind]}. Try 'strong', or any of {_few(language)}."
        )
    if not language.drawn:
        # All of them need not be tokenised to show a few.
        domain = domain.take([row for row, _ in zip(spread(domain, seed), range(8), strict=False)])
    feeds = Feeds(choose_backbone(backbone, domain)[0].preprocess, augment=recipe, seed=seed)
    contact = contact_of(feeds, domain)
    if contact is None:
        raise DataError(f"none of the {len(domain)} {KINDS[domain.kind]} of {domain.name!r} can be read.")
    return contact


def _few(language: Language) -> str:
    return ", ".join(repr(name) for name, recipe in language.presets.items() if recipe)
