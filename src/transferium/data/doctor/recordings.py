"""The doctor's findings on sounds: silence, clipping, channels, sampling rates, bits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from transferium.data.doctor.findings import Finding, Severity, count, some
from transferium.data.domain import Domain
from transferium.data.sounds.decode import SoundFacts
from transferium.problems.classes import Classes

_CHECKS: tuple[tuple[str, Severity, Callable[[SoundFacts], bool], str, str], ...] = (
    ("silent", "warning", lambda one: one.silent, "sound is silent", "sounds are silent"),
    (
        "clipped",
        "warning",
        lambda one: one.clipped and not one.silent,
        "sound is clipped: it was recorded too loud",
        "sounds are clipped: they were recorded too loud",
    ),
    (
        "channels",
        "note",
        lambda one: one.channels > 1,
        "sound has several channels, which are mixed down to one",
        "sounds have several channels, which are mixed down to one",
    ),
    ("few-bits", "note", lambda one: 0 < one.bits < 16, "sound has 8 bits alone", "sounds have 8 bits alone"),
)
"""Kind and severity of a finding, of which sounds it is, and what is said of one and of several."""


def check_sounds(domain: Domain, about: Sequence[SoundFacts | None], keep: NDArray[np.bool_]) -> list[Finding]:
    """Findings on the usable sounds of a domain, by what a scan saw of them."""
    known = [(i, facts) for i, facts in enumerate(about) if facts is not None and keep[i]]
    found = []
    for kind, severity, is_so, one, several in _CHECKS:
        if at := [i for i, facts in known if is_so(facts)]:
            names = tuple(domain.ids[i] for i in at)
            found.append(Finding(kind, severity, f"{count(len(at), one, several)}: {some(names)}", names))
    return [*found, *_rates(domain, known)]


def _rates(domain: Domain, known: Sequence[tuple[int, SoundFacts]]) -> list[Finding]:
    """A finding where sampling rates differ; the graver where a class has one of its own, which gives it away."""
    rates = Counter(facts.rate for _, facts in known)
    if len(rates) < 2:
        return []
    listed = some((f"{rate:,} Hz ({n:,})" for rate, n in rates.most_common()), 4)
    told = f"sampling rates differ: {listed}; all are resampled to one"
    alone = _given_away(domain, known)
    if alone:
        told += f". Every sound of {some(map(repr, alone))} has a rate that no other class has: it may be told by that"
    return [Finding("sampling-rates", "warning" if alone else "note", told)]


def _given_away(domain: Domain, known: Sequence[tuple[int, SoundFacts]]) -> list[str]:
    if domain.labels is None or not isinstance(domain.problem, Classes):
        return []
    by_class: dict[int, set[int]] = {}
    for i, facts in known:
        by_class.setdefault(int(domain.labels[i]), set()).add(facts.rate)
    return [
        domain.classes[c]
        for c, rates in by_class.items()
        if not any(rates & others for other, others in by_class.items() if other != c)
    ]
