"""Hyper-parameters by name: texts from ``--set name=value`` become the fields of a method."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from transferium.errors import InputError, did_you_mean

T = TypeVar("T")
_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def split_settings(pairs: tuple[str, ...]) -> dict[str, str]:
    """Turn ``("epochs=3", "size=64")`` into a dictionary.

    >>> split_settings(("epochs=3", "size=64"))
    {'epochs': '3', 'size': '64'}
    """
    settings: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise InputError(f"--set takes name=value, as in --set epochs=3; it was given {pair!r}.")
        key = name.strip().replace("-", "_")
        if settings.setdefault(key, value.strip()) != value.strip():
            raise InputError(f"--set {key} was given twice, as {settings[key]!r} and {value.strip()!r}: leave one out.")
    return settings


def parse_value(text: str, hint: Any) -> Any:
    """Read ``text`` as the first of the hinted types that takes it; raises ``ValueError`` where none does.

    >>> parse_value("0.1,1", tuple[float, ...]), parse_value("none", int | None), parse_value("3", int | str)
    ((0.1, 1.0), None, 3)
    """
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        # Text is the most permissive reading, so it is tried last.
        for option in sorted(typing.get_args(hint), key=lambda h: h is str):
            try:
                return parse_value(text, option)
            except ValueError:
                continue
        raise ValueError(text)
    if origin in (tuple, list):
        return origin(parse_value(item.strip(), typing.get_args(hint)[0]) for item in text.split(",") if text)
    return _parse_scalar(text, hint)


def _parse_scalar(text: str, hint: Any) -> Any:
    if hint is type(None):
        if text.lower() in ("none", "null", ""):
            return None
        raise ValueError(text)
    if hint is bool:
        if text.lower() in _WORDS:
            return _WORDS[text.lower()]
        raise ValueError(text)
    if hint in (int, float, str):
        return hint(text)
    raise ValueError(text)


def describe_hint(hint: Any) -> str:
    """The name of a type in a message: ``int``, ``float or None``, ``ints separated by commas``."""
    args = typing.get_args(hint)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return " or ".join(describe_hint(a) for a in args)
    if typing.get_origin(hint) in (tuple, list):
        return f"{describe_hint(args[0])}s separated by commas"
    return "None" if hint is type(None) else getattr(hint, "__name__", str(hint))


def _listed(value: Any, hint: Any) -> Any:
    several = typing.get_origin(hint) is tuple
    return (value,) if several and not isinstance(value, (tuple, list)) else value


def configure(cls: type[T], settings: Mapping[str, Any]) -> T:
    """Build ``cls`` (a dataclass) from named settings; texts are read by the field's type.

    One value for a field that takes several stands for a list of it, as in ``C`` of a search over ``Cs``.
    Raises ``InputError`` for a name the dataclass does not have (with the nearest one it has) and for a value
    that cannot be read.
    """
    hints = typing.get_type_hints(cls)
    names = [f.name for f in fields(cls)]  # type: ignore[arg-type]  # every method is a dataclass
    values: dict[str, Any] = {}
    for name, value in settings.items():
        if name not in names:
            what = getattr(cls, "name", cls.__name__)
            raise InputError(f"method {what!r} has no setting {name!r}. {did_you_mean(name, names)}")
        try:
            values[name] = parse_value(value, hints[name]) if isinstance(value, str) else _listed(value, hints[name])
        except ValueError as error:
            raise InputError(f"setting {name} takes {describe_hint(hints[name])}; it was given {value!r}.") from error
    return cls(**values)
