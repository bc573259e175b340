"""The errors and warnings of Transferium that a user can fix."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
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


_PYTHON, _COMMAND_LINE = {"separator": "problem=MultiLabel((), {})"}, {"separator": "--set separator={}"}
_said_to_a_shell = False


def option(name: str, value: str = "…") -> str:
    """An option inside a message, as the face in use writes it.

    >>> option("label"), option("label", ""), option("problem", "classes")
    ('label=…', 'label=', "problem='classes'")
    >>> with on_the_command_line():
    ...     option("label"), option("separator", ";")
    ('--label …', '--set separator=;')
    """
    if _said_to_a_shell:
        return _COMMAND_LINE.get(name, f"--{name.replace('_', '-')} {{}}").format(value).strip()
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
