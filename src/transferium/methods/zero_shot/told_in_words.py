"""What methods share whose classes are told in words: templates, and the names or descriptions of labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from transferium.data.domain import Domain, Kind
from transferium.data.modality import KINDS
from transferium.errors import InputError
from transferium.methods.method import Method
from transferium.methods.settings.field import setting
from transferium.methods.zero_shot.descriptions import descriptions_of, read_descriptions
from transferium.methods.zero_shot.templates import check_templates


@dataclass
class ToldInWords(Method):
    """A base: its settings, and the checks of what they hold."""

    reads: ClassVar[tuple[Kind, ...]] = ("text",)
    """The kinds of example that it is for."""

    labels: str | Mapping[str, Any] | None = setting(
        None, "JSON file from each label to one or more descriptions; none: the label names"
    )
    templates: tuple[str, ...] = setting((), "sentences that the words of labels stand in")

    def check(self) -> None:
        """Raise ``InputError`` for a template without its places, and for descriptions that cannot be read."""
        if self.templates:
            check_templates(self.templates)
        if self.labels is not None:
            read_descriptions(self.labels)

    def check_data(self, domain: Domain) -> None:
        """Raise ``InputError`` for examples of another kind, and for labels that nothing says the meaning of."""
        if domain.kind not in self.reads:
            wanted = " and ".join(KINDS[kind] for kind in self.reads)
            raise InputError(
                f"{self.name} compares {wanted} with the names of their labels, and {domain.name!r} holds "
                f"{KINDS[domain.kind]}: use a method that learns, such as ncm or probe."
            )
        self.said(domain)

    def said(self, domain: Domain) -> dict[str, tuple[str, ...]]:
        """Each label with its descriptions, in the order of the classes."""
        return descriptions_of(domain.classes, self.labels, domain.name)

    def to_json(self) -> dict[str, Any]:
        """As of every method, with the descriptions themselves instead of where they are."""
        return super().to_json() | {"labels": None if self.labels is None else read_descriptions(self.labels)}


def as_candidates(said: Mapping[str, tuple[str, ...]]) -> list[dict[str, str]]:
    """What each label was said to be, as a selection shows it."""
    return [{"label": label, "descriptions": "; ".join(texts)} for label, texts in said.items()]
