"""The verdict on whether transfer helped: one paired difference and one sentence."""

from __future__ import annotations

from dataclasses import dataclass

from transferium.functional.bootstrap import NO_INTERVAL, Interval
from transferium.problems.problem import Wording
from transferium.system.shown import Face, Shown


@dataclass(frozen=True, repr=False)
class Verdict(Shown):
    """``word`` is ``"helped"``, ``"no evidence"``, ``"hurt"`` or ``"not asked"``; ``sentence`` says it in full."""

    word: str
    sentence: str
    difference: Interval | None = None

    def face(self) -> Face:
        """The word and the sentence."""
        return Face(f"Verdict: {self.word}", (), [self.sentence])

    @classmethod
    def not_asked(cls, reason: str) -> Verdict:
        """The verdict where there is nothing to compare with.

        >>> Verdict.not_asked("no pretrained backbone was involved").sentence
        'Whether transfer helped was not asked: no pretrained backbone was involved.'
        """
        return cls("not asked", f"Whether transfer helped was not asked: {reason}.")

    def difference_as_dict(self) -> dict[str, float | None]:
        """``{"value", "low", "high"}`` as shares, nulls where nothing was compared."""
        if self.difference is None:
            return {"value": None, "low": None, "high": None}
        return {**self.difference.as_dict()}


def verdict(difference: Interval, ours: str, reference: str, wording: Wording, asked: str = "transfer") -> Verdict:
    """One sentence from how much better ours is than the reference: the interval decides the word.

    ``asked`` is what may have helped.

    >>> from transferium.problems.classes import Classes
    >>> verdict(Interval(0.314, 0.235, 0.392), "the probe", "random weights", Classes.wording).sentence
    'Transfer helped: the probe is 31.4 points more accurate than random weights (95% interval 23.5 to 39.2 points).'
    """
    upper = asked[0].upper() + asked[1:]
    words = {"better": ("helped", f"{upper} helped"), "worse": ("hurt", f"{upper} hurt")}
    found, said = compared(difference, ours, reference, wording)
    word, start = words.get(found, ("no evidence", f"No evidence that {asked} helped or hurt"))
    return Verdict(word, f"{start}: {said}.", difference)


def compared(difference: Interval, ours: str, theirs: str, wording: Wording) -> tuple[str, str]:
    """``"better"``, ``"worse"`` or ``"alike"``, as the interval decides, and by how much in words.

    >>> from transferium.problems.classes import Classes
    >>> compared(Interval(0.01, -0.02, 0.04), "a", "b", Classes.wording)[0]
    'alike'
    """
    low, high = difference.low, difference.high
    word = "better" if low > 0 else "worse" if high < 0 else "alike"
    template = {"better": wording.better, "worse": wording.worse, "alike": wording.differs}[word]
    if word == "worse":
        low, high = -high, -low
    number = _number(difference.value, wording, "+") if word == "alike" else _number(abs(difference.value), wording)
    said = template.format(ours=ours, theirs=theirs, by=f"{number}{wording.unit}")
    if not difference.known:
        return word, f"{said}; {NO_INTERVAL}"
    ends = f"{_number(low, wording)} to {_number(high, wording)}{wording.unit}"
    return word, f"{said} (95% interval {ends})"


def _number(value: float, wording: Wording, sign: str = "") -> str:
    """In points with one digit, or in the unit of an amount with four significant digits."""
    scaled = value * wording.scale
    return f"{scaled:{sign}.1f}" if wording.unit else f"{scaled:{sign}.4g}"
