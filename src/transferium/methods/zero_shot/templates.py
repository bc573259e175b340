"""Templates: sentences around a description, or around a text with a slot for a word of its label."""

from __future__ import annotations

from collections.abc import Sequence

from transferium.errors import InputError
from transferium.models.prompting.pattern import SLOT, TEXT, check_pattern


def is_cloze(templates: Sequence[str]) -> bool:
    """Whether they leave a slot for a word.

    >>> is_cloze(["{text} It was {mask}."]), is_cloze(["This is {}."])
    (True, False)
    """
    return any(SLOT in template for template in templates)


def check_templates(templates: Sequence[str]) -> None:
    """Raise ``InputError`` unless each has its places: ``{}``, or ``{text}`` and ``{mask}``, alike in all."""
    if is_cloze(templates):
        for template in templates:
            check_pattern(template)
    elif not templates or any("{}" not in template for template in templates):
        raise InputError(
            f"each of templates has a place {{}} for the description, or {TEXT} and {SLOT} for a text and a word of "
            f"its label; given were {', '.join(map(repr, templates)) or 'none'}."
        )
