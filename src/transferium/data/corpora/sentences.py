"""Where sentences end, by rule: after a full stop, a question or exclamation mark, and at a line's end."""

from __future__ import annotations

import re

_ENDS = re.compile(r"""\s*\S.*?(?:[.!?…]["'”’)\]]*(?=\s)|[。！？；]["”』」）]*|\n|\Z)""", re.DOTALL)


def sentences(text: str) -> list[str]:
    """``text`` in pieces that together are the whole of it (but blanks at its end).

    Abbreviations are taken for ends: sentences of a corpus are material for training, and no analysis.

    >>> sentences("It rains. Is it cold? 下雨了。天冷。")
    ['It rains.', ' Is it cold?', ' 下雨了。', '天冷。']
    """
    return _ENDS.findall(text)
