"""What the source alone knows: the reference that every adapted model is put beside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from transferium.methods.probe import LinearProbe


@dataclass
class SourceOnly(LinearProbe):
    """The linear probe of the source; the target is not looked at."""

    name: ClassVar[str] = "source-only"
