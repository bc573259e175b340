"""The number of this process among several, from ``torchrun`` or ``accelerate launch``, without importing torch."""

from __future__ import annotations

import os
import sys
from typing import Any

from transferium.errors import InputError


def rank() -> int:
    """This process's number; 0 where it is alone. Number 0 prints and writes."""
    return _number("RANK", 0)


def world() -> int:
    """The number of processes that work together."""
    return _number("WORLD_SIZE", 1)


def here() -> int:
    """The number of these processes that share this machine's cores."""
    return _number("LOCAL_WORLD_SIZE", 1)


def _number(name: str, otherwise: int) -> int:
    text = os.environ.get(name, "")
    return int(text) if text.isdigit() else otherwise


def everyone(value: Any) -> list[Any]:
    """Each process's ``value``, by number. Every process must call it."""
    if world() == 1:
        return [value]
    import torch
    from accelerate import PartialState

    PartialState(cpu=not torch.cuda.is_available())
    gathered: list[Any] = [None] * world()
    torch.distributed.all_gather_object(gathered, value)
    return gathered


def refuse_several(what: str, instead: str) -> None:
    """Raise ``InputError`` where processes would disagree: ``what`` cannot be shared, do ``instead``."""
    if world() > 1:
        raise InputError(f"{what}, and {world()} processes would not agree: {instead}.")


def leave() -> None:
    """End the communication with the other processes, where there was any."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
