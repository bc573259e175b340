"""A masked language model with a verbaliser as a backbone, whose features are scores of classes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from transferium.errors import BackboneError, InputError
from transferium.models.backbone import Backbone, WholeModel
from transferium.models.preprocess import TextPreprocess
from transferium.models.prompting.pattern import Speller

if TYPE_CHECKING:
    from torch import nn

    from transferium.models.prompting.cloze_network import ClozePlan, Words
    from transferium.models.prompting.pattern import Pattern

LEAST = 4
"""Tokens of a text that a pattern must leave room for."""


@dataclass(frozen=True, eq=False)
class Cloze:
    """The backbone, and for each word of several pieces how many there are."""

    backbone: Backbone
    in_pieces: Mapping[str, int]

    @property
    def notes(self) -> tuple[str, ...]:
        """What to say of words of several pieces, as the notes of a selection."""
        if not self.in_pieces:
            return ()
        told = ", ".join(f"{word!r} ({count})" for word, count in list(self.in_pieces.items())[:5])
        more = f" and {len(self.in_pieces) - 5} more" if len(self.in_pieces) > 5 else ""
        return (f"words of several pieces are looked for at as many masks, with the mean of their logs: {told}{more}",)


def cloze_backbone(
    backbone: Backbone, templates: Sequence[str], said: Mapping[str, Sequence[str]], *, prompt: int = 0, seed: int = 0
) -> Cloze:
    """``backbone`` with its head for masked tokens, in which classes are ``said`` by words at the slot of templates.

    Features are ``(n, templates · classes)``. ``prompt``: so many learned embeddings stand before every pattern, and
    start as those of words that are drawn by ``seed``. Raises ``BackboneError`` where there is no such head,
    ``InputError`` for a word that the vocabulary lacks, and where templates leave no room for a text.
    """
    whole, reads, model = check_cloze(backbone)
    speller = Speller(reads, backbone.name)
    plan, in_pieces = _plan(speller, reads.pad_id, templates, said)
    plan = replace(plan, prompt=prompt, seed=seed if prompt else 0)
    words = {label: list(texts) for label, texts in said.items()}
    key = f"cloze {backbone.fingerprint} {plan} {words}"
    made = backbone.made_into(
        hashlib.sha256(key.encode()).hexdigest(),
        partial(_build, whole, plan),
        name=f"{backbone.name} as a cloze",
        width=len(templates) * len(said),
        blocks=_blocks(model, plan),
        preprocess=_with_room(reads, model.config.to_dict(), plan.longest),
        fresh=None,
        architecture=None,
    )
    return Cloze(made, in_pieces)


def check_cloze(backbone: Backbone) -> tuple[WholeModel, TextPreprocess, Any]:
    """The model with a head for masked tokens, where it lies, and how it reads; ``BackboneError`` without one."""
    whole, reads = backbone.whole, backbone.preprocess
    if whole is None or not isinstance(reads, TextPreprocess):
        raise BackboneError(_no_head(backbone.name))
    return whole, reads, _masked_language_model(whole, backbone.name)


def _masked_language_model(whole: WholeModel, called: str) -> Any:
    from transferium.models.prompting.whole import build_whole

    try:
        model = build_whole(whole, "AutoModelForMaskedLM")
    except (BackboneError, ValueError) as error:
        raise BackboneError(f"{_no_head(called)} transformers says: {str(error)[:200]}") from error
    if "head" in getattr(model, "missing_parts", ()):
        raise BackboneError(f"{_no_head(called)} Its folder holds the weights of an encoder alone.")
    return model


def _no_head(called: str) -> str:
    return (
        f"a cloze asks a head for masked tokens, and {called} has none: take a folder of transformers, or hf/<owner>/"
        "<name>, that has one, such as what transferium pretrain --objective mlm leaves, or use templates with {} in "
        "place of {text} and {mask}."
    )


def _plan(
    speller: Speller, pad: int, templates: Sequence[str], said: Mapping[str, Sequence[str]]
) -> tuple[ClozePlan, dict[str, int]]:
    from transferium.models.prompting.cloze_network import ClozePlan

    patterns: list[tuple[Pattern, Words]] = []
    in_pieces: dict[str, int] = {}
    for template in templates:
        words = tuple(tuple(speller.pieces(word, template) for word in texts) for texts in said.values())
        patterns.append((speller.pattern(template), words))
        for texts, spelled in zip(said.values(), words, strict=True):
            in_pieces |= {word: len(ids) for word, ids in zip(texts, spelled, strict=True) if len(ids) > 1}
    return ClozePlan(tuple(patterns), speller.ends, pad), in_pieces


def _with_room(reads: TextPreprocess, config: Mapping[str, Any], taken: int) -> TextPreprocess:
    from transferium.models.sources.transformers_models import text_positions

    most = text_positions(config)
    if most is None or reads.max_length + taken <= most:
        return reads
    if most - taken < LEAST:
        raise InputError(
            f"the template (with tokens before it, if any) takes {taken} of the {most} tokens that the model reads, "
            "which leaves no room for a text: give a shorter one, shorter words, or fewer tokens."
        )
    return replace(reads, max_length=most - taken)


def _blocks(model: Any, plan: ClozePlan) -> tuple[str, ...]:
    from transferium.models.prompting.cloze_network import ClozeNetwork
    from transferium.models.surgery.blocks import block_names

    return block_names(ClozeNetwork(model, plan))


def _build(whole: WholeModel, plan: ClozePlan) -> nn.Module:
    from transferium.models.prompting.cloze_network import ClozeNetwork
    from transferium.models.prompting.whole import build_whole

    return ClozeNetwork(build_whole(whole, "AutoModelForMaskedLM"), plan).eval()
