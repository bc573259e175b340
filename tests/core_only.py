"""The command line and library as a core installation has them: what the extra ``train`` brings is not there."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec, PathFinder
from typing import Any

ABSENT = {"torch", "torchvision", "timm", "transformers", "accelerate", "onnx", "onnxscript"}


class Core(PathFinder):
    """The usual way to find a module, which does not find these."""

    @classmethod
    def find_spec(cls, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        return None if fullname.partition(".")[0] in ABSENT else super().find_spec(fullname, path, target)


def hide() -> None:
    """Make this process one of a core installation."""
    sys.meta_path[:] = [Core if finder is PathFinder else finder for finder in sys.meta_path]
