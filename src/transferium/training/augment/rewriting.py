"""Texts rewritten by any function of texts: back-translation, paraphrase, normalisation.

The function is called once a run and what it gave is kept with the run's state, so that it may be slow or random: an
interrupted run that goes on reads the same texts again.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, is_dataclass
from pathlib import Path

from transferium.errors import InputError

Rewrite = Callable[[list[str]], Sequence[str]]


@dataclass(frozen=True)
class Rewritten:
    """``function`` as an augmentation: called ``views`` times on the training texts, before the first step.

    Each time an example is read, one of its rewritten texts takes its place with probability ``share``. More views are
    worth their price only where the function answers differently each time.
    Sennrich et al., "Improving neural machine translation models with monolingual data" (2016).

    >>> Rewritten(str.upper).views
    1
    """

    function: Rewrite
    views: int = 1
    share: float = 0.5

    def __post_init__(self) -> None:
        if self.views < 1:
            raise InputError(f"views is how often the texts are rewritten: at least 1; it was {self.views}.")
        if not 0 <= self.share <= 1:
            raise InputError(f"share is a probability from 0 to 1; it was {self.share}.")

    def __call__(self, texts: list[str]) -> Sequence[str]:
        return self.function(texts)


def say_rewrite(function: Rewrite) -> str:
    """A function by its module and qualified name, whatever it is wrapped in; a dataclass also by its fields.

    >>> say_rewrite(Rewritten(len, views=2))
    'Rewritten(builtins.len, views=2, share=0.5)'
    """
    if isinstance(function, Rewritten):
        return f"Rewritten({say_rewrite(function.function)}, views={function.views}, share={function.share})"
    named = function if hasattr(function, "__qualname__") else type(function)
    module = getattr(named, "__module__", None) or "builtins"
    said: object = function
    if is_dataclass(said) and " at 0x" not in repr(said):
        return f"{module}.{said!r}"
    return f"{module}.{named.__qualname__}"


def rewrite(function: Rewrite, texts: list[str], folder: Path | None) -> list[list[str]]:
    """What ``function`` made of ``texts``, one list a view; from ``folder`` where it was asked before.

    Of several processes that ask at once the first to finish is believed by all, so that they read the same texts.
    """
    told = function if isinstance(function, Rewritten) else Rewritten(function)
    if folder is None:
        return [_ask(told.function, texts) for _ in range(told.views)]
    words = json.dumps([say_rewrite(told), texts])
    path = folder / f"rewritten-{hashlib.sha256(words.encode()).hexdigest()[:16]}.json"
    if not path.exists():
        _keep(path, [_ask(told.function, texts) for _ in range(told.views)])
    views: list[list[str]] = json.loads(path.read_text(encoding="utf-8"))
    return views


def digest(views: list[list[str]]) -> str:
    """Sixteen characters that change with any of the texts."""
    return hashlib.sha256(json.dumps(views).encode()).hexdigest()[:16]


def _ask(function: Rewrite, texts: list[str]) -> list[str]:
    made = function(list(texts))
    name = say_rewrite(function)
    if isinstance(made, str) or not isinstance(made, Sequence) or len(made) != len(texts):
        found = f"{len(made)}" if isinstance(made, Sequence) and not isinstance(made, str) else f"{made!r:.60}"
        raise InputError(f"{name} was given {len(texts)} texts and must give as many back, in order; it gave {found}.")
    for text in made:
        if not isinstance(text, str):
            raise InputError(f"{name} must give texts; it gave {text!r:.60} ({type(text).__name__}).")
    # Nothing is no paraphrase of something.
    return [new if new.strip() else old for new, old in zip(made, texts, strict=True)]


def _keep(path: Path, views: list[list[str]]) -> None:
    """Write whole or not at all, unless another process was first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=path.stem, suffix=".tmp", dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(views, file)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(name, path)
    except FileExistsError:
        pass
    finally:
        Path(name).unlink()
