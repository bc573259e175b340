"""The errors and warnings of Transferium that a user can fix."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager


class TransferiumError(Exception):
    """The base of all errors that a user can fix: what was found and what to do. The command line exits with 2."""


class InputError(TransferiumError, ValueError):
    """An argument, option or name is not usable."""


class DataError(TransferiumError, ValueError):
    """The data cannot be used as it is."""


class BackboneError(TransferiumError, RuntimeError):
    """A backbone cannot be found, loaded or run."""


class ArtifactError(TransferiumError, RuntimeError):
    """A saved model or run directory is not readable by this version, or must not be written where it was to be."""


class NonFiniteError(TransferiumError, ArithmeticError):
    """A loss term or a gradient became NaN or infinite; the model holds the last good weights."""


class Terminated(SystemExit):
    """The process was asked to end (SIGTERM); uncaught, it exits with 143."""

    def __init__(self) -> None:
        super().__init__(128 + 15)


class TransferiumWarning(UserWarning):
    """A problem that was worked around: the result is still right, and the message says at what cost."""


_PYTHON = {"separator": "problem=MultiLabel((), {})"}
_COMMAND_LINE = {"separator": "--set separator={}"}
_said_to_a_shell = False


def option(name: str, value: str = "…") -> str:
    """An option inside a message, as the face in use writes it.

    >>> option("label"), option("label", ""), option("problem", "classes")
    ('label=…', 'label=', "problem='classes'")
    >>> option("type", "zip=category")
    "types={'zip': 'category'}"
    >>> with on_the_command_line():
    ...     option("label"), option("separator", ";")
    ('--label …', '--set separator=;')
    """
    if _said_to_a_shell:
        return _COMMAND_LINE.get(name, f"--{name.replace('_', '-')} {{}}").format(value).strip()
    if name == "type" and "=" in value:
        column, _, found = value.rpartition("=")
        return f"types={{{column!r}: {found!r}}}"
    return _PYTHON.get(name, f"{name}={{}}").format(value if value in ("", "…") else repr(value))


@contextmanager
def on_the_command_line() -> Iterator[None]:
    """While this lasts, messages write options as one types them in a shell."""
    global _said_to_a_shell  # noqa: PLW0603  (the process has one user, who typed a command or did not)
    _said_to_a_shell = True
    try:
        yield
    finally:
        _said_to_a_shell = False


def reason(error: BaseException) -> str:
    """What another library's error says, in one line.

    >>> reason(KeyError("width")), reason(MemoryError()), reason(OSError(2, "No such file or directory", "x"))
    ("'width' is missing", 'it needs more memory than there is', 'No such file or directory')
    """
    if isinstance(error, MemoryError):
        return "it needs more memory than there is"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, KeyError):
        return f"{error} is missing"
    words = str((isinstance(error, OSError) and error.strerror) or error).strip()
    return words.splitlines()[0][:300] if words else type(error).__name__


@contextmanager
def refusing(kind: Callable[[str], TransferiumError], start: str, end: str = "") -> Iterator[None]:
    """Whatever the block raises over damaged or hostile bytes becomes one error: ``start (reason) end``.

    Only for blocks that parse what others wrote: there any error is the file's fault. Errors that are a
    ``TransferiumError`` already pass.

    >>> with refusing(DataError, "numbers.csv is no table", "."):
    ...     int("x")
    Traceback (most recent call last):
    transferium.errors.DataError: numbers.csv is no table (invalid literal for int() with base 10: 'x').
    """
    try:
        yield
    except TransferiumError:
        raise
    except Exception as error:
        raise kind(f"{start} ({reason(error)}){end}") from error


def add_note(error: BaseException, note: str) -> None:
    """Add a sentence beside an error's message, which the command line prints too (a method from Python 3.11 on)."""
    vars(error)["__notes__"] = [*getattr(error, "__notes__", ()), note]


def did_you_mean(given: str, choices: Iterable[str], otherwise: str | None = None) -> str:
    """The end of a message: the most similar allowed name; without one, ``otherwise`` or the whole list.

    >>> did_you_mean("efficientnet_lit0", ["efficientnet_lite0", "all_minilm_l6_v2"])
    "Did you mean 'efficientnet_lite0'?"
    >>> did_you_mean("zzz", ["probe", "scratch"])
    "Choose from 'probe', 'scratch'."
    """
    legal = sorted(choices)
    near = difflib.get_close_matches(given, legal, n=1, cutoff=0.6) or [c for c in legal if c.lower() == given.lower()]
    if near:
        return f"Did you mean {near[0]!r}?"
    if otherwise is not None:
        return otherwise
    return f"Choose from {', '.join(repr(c) for c in legal)}." if legal else "There is nothing to choose from."
