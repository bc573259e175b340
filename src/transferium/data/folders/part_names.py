"""Names of folders and tables that mean a part of a data set: ``train``, ``seg_train``, ``test1``, ``validation``."""

from __future__ import annotations

import re
import unicodedata

from transferium.data.labels import PART_NAMES

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_OTHERS = {"trainval": "train", "eval": "val", "evaluation": "val", "holdout": "test"}
_TAIL = re.compile(r"(sets?|data|images?|imgs?)$")
_SHARD = re.compile(r"([-_.]?\d+(-of-\d+)?(-[0-9a-f]{8,})?)$")


def part_of(name: str) -> str | None:
    """The part that a name means, or None: one word of it names a part, and no other word another part.

    >>> part_of("seg_train"), part_of("Test1"), part_of("trainingset"), part_of("PublicTest"), part_of("cat")
    ('train', 'test', 'train', 'test', None)
    >>> part_of("train_val"), part_of("train_test"), part_of("constrained")
    ('train', None, None)
    """
    words = [word.lower() for word in _WORDS.findall(unicodedata.normalize("NFKC", name))]
    found = {part for word in words if (part := _of_word(word) or _of_word(_TAIL.sub("", word)))}
    return "train" if found == {"train", "val"} else found.pop() if len(found) == 1 else None


def is_exact(name: str) -> bool:
    """Whether a name is the name of a part and nothing else."""
    return unicodedata.normalize("NFKC", name).strip().lower() in PART_NAMES


def without_shard(stem: str) -> str:
    """The name of a table that is cut into several files: ``train`` of ``train-00000-of-00002``.

    >>> without_shard("train-00000-of-00002"), without_shard("0000"), without_shard("test_01")
    ('train', '', 'test')
    """
    return _SHARD.sub("", stem)


def _of_word(word: str) -> str | None:
    return PART_NAMES.get(word) or _OTHERS.get(word)
