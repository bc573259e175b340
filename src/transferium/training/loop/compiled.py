"""``torch.compile`` for a backbone's forward pass, where there is something to compile with."""

from __future__ import annotations

import os
import shutil

import torch
from torch import nn

from transferium.errors import InputError


def compile_forward(module: nn.Module) -> None:
    """Compile ``module``'s forward and backward passes in place, at its first call; names and weights stay as they are.

    It costs tens of seconds once, and again for inputs of another shape: prefer it on a GPU and for long trainings.
    Results differ in the last digits, and dropout draws other numbers. Raises ``InputError`` where no C++ compiler is
    found, which CPUs need.
    """
    compiler = os.environ.get("CXX", "g++")
    if not torch.cuda.is_available() and shutil.which(compiler) is None:
        raise InputError(
            f"compile=yes needs a C++ compiler, and there is no {compiler!r} here: install one, or leave compile out."
        )
    if getattr(module, "_compiled_call_impl", None) is None:
        module.compile()
