"""A linear probe of the source alone: the reference that every adapted model is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.problems.classes import Classes


@dataclass
class SourceOnly(LinearProbe):
    """The linear probe of the source; the target is not looked at.

    ``min_W C Σ_i CE(y_i, softmax(W f(x_i))) + ½ ||W||²`` over the source's rows, temperature from its folds. Prefer it
    where the domains do not differ, or where no validator can tell whether adapting helped: it is what every other
    method has to beat.
    Ben-David et al., A theory of learning from different domains, Machine Learning 2010, bounds what it loses.
    """

    name: ClassVar[str] = "source-only"
    problems: ClassVar[tuple[str, ...]] = (Classes.kind,)
