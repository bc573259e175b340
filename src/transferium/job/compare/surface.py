"""Differences between the raw examples of two domains, without any model: pictures, words, sounds, columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from transferium.data.columns.table import Table
from transferium.data.doctor.scan import LOOKED_AT
from transferium.data.domain import Domain, Kind
from transferium.data.images.decode import decode, mode_of
from transferium.data.images.sniff import HEAD, sniff
from transferium.data.modality import by_kind
from transferium.data.sounds.decode import SoundFacts, decode_sound
from transferium.errors import DataError
from transferium.functional.shift.surface import compare_vocabulary, picture_measures, standardised_difference
from transferium.job.compare.column_shift import column_shifts, notable

PICTURES = 200
MOST_COLUMNS = 12
"""How many columns are listed, those that differ most."""
TEXTS = 3000
NOTABLE = 0.5
"""A standardised difference (Cohen's d) from which a measure is named as a difference: "medium" by convention."""


OTHER_MODES = 0.1
"""Share of pictures that would have to change their mode, from which the modes of two domains differ."""


def compare_surface(source: Domain, target: Domain, *, seed: int) -> dict[str, Any]:
    """Differences that are seen in the raw examples, by the kind of data; samples are drawn by ``seed``."""
    return by_kind(SURFACES, source.kind, "comparison of raw examples")[0](source, target, seed)


def _pictures(source: Domain, target: Domain, seed: int) -> dict[str, Any]:
    types = [_file_types(domain, seed) for domain in (source, target)]
    return _by_measures(source, target, seed, lambda raw: picture_measures(np.asarray(decode(raw)))) | {
        "file_types": {"source": types[0], "target": types[1]},
        "modes": modes_apart(source, target, seed=seed),
    }


def _sounds(source: Domain, target: Domain, seed: int) -> dict[str, Any]:
    return _by_measures(source, target, seed, lambda raw: sound_measures(decode_sound(raw, LOOKED_AT).facts))


def sound_measures(facts: SoundFacts) -> dict[str, float]:
    """What can be said of a recording by a figure each."""
    return {"seconds": facts.seconds, "loudness (dB)": facts.loudness, "peak": facts.peak, "rate (Hz)": facts.rate}


def _by_measures(
    source: Domain, target: Domain, seed: int, measures: Callable[[Any], dict[str, float]]
) -> dict[str, Any]:
    """The ``measures`` of a sample of both sides, and which of them differ."""
    measured = [_measured(domain, seed, measures) for domain in (source, target)]
    names = list(measured[0][0]) if measured[0] else []
    rows: list[dict[str, Any]] = []
    for name in names:
        columns = [[m[name] for m in side] for side in measured]
        rows.append(
            {
                "measure": name,
                "source": float(np.mean(columns[0])),
                "target": float(np.mean(columns[1])),
                "difference": standardised_difference(*columns),
            }
        )
    return {"measures": rows, "notable": [row["measure"] for row in rows if abs(row["difference"]) >= NOTABLE]}


def modes_apart(source: Domain, target: Domain, *, seed: int) -> str:
    """How the pictures of both are stored (grey, RGB, palette, …), where that differs; else empty."""
    modes = [_modes(domain, seed) for domain in (source, target)]
    sizes = [max(sum(side.values()), 1) for side in modes]
    apart = sum(abs(modes[0][m] / sizes[0] - modes[1][m] / sizes[1]) for m in modes[0] | modes[1]) / 2
    if apart < OTHER_MODES:
        return ""
    said = [", ".join(f"{n} {mode}" for mode, n in side.most_common()) for side in modes]
    return f"pictures have other modes: {said[0]} in the source, {said[1]} in the target; all are read as RGB"


def _modes(domain: Domain, seed: int) -> Counter[str]:
    found: Counter[str] = Counter()
    for i in _sample(domain, PICTURES, seed):
        try:
            found[mode_of(domain.samples.raw(i))] += 1
        except DataError:  # the doctor has put such files aside and named them
            continue
    return found


def _sample(domain: Domain, most: int, seed: int) -> list[int]:
    return sorted(np.random.default_rng(seed).permutation(len(domain))[:most].tolist())


def _measured(domain: Domain, seed: int, measures: Callable[[Any], dict[str, float]]) -> list[dict[str, float]]:
    found = []
    for i in _sample(domain, PICTURES, seed):
        try:
            found.append(measures(domain.samples.raw(i)))
        except DataError:  # the doctor has put such files aside and named them
            continue
    return found


def _file_types(domain: Domain, seed: int) -> dict[str, int]:
    raws = [domain.samples.raw(i) for i in _sample(domain, PICTURES, seed)]
    return dict(Counter(sniff(raw[:HEAD]) if isinstance(raw, bytes) else "in memory" for raw in raws))


def _texts(source: Domain, target: Domain, seed: int) -> dict[str, Any]:
    sides = [[str(d.samples.raw(i)) for i in _sample(d, TEXTS, seed)] for d in (source, target)]
    found = compare_vocabulary(*sides)
    return {
        "unseen_words": found.unseen,
        "word_distance": found.distance,
        "source_words": list(found.source_words),
        "target_words": list(found.target_words),
        "mean_words": {"source": found.mean_words[0], "target": found.mean_words[1]},
    }


def _cells(source: Domain, target: Domain, _seed: int) -> dict[str, Any]:
    """Columns of two tables, each by one figure."""
    here, there = (d.samples if isinstance(d.samples, Table) else Table((), rows=0) for d in (source, target))
    rows = column_shifts(here, there)
    return {"measures": rows[:MOST_COLUMNS], "notable": notable(rows)}


def _columns(source: Domain, target: Domain, _seed: int) -> dict[str, Any]:
    names = source.feature_names or tuple(str(i) for i in range(source.features.shape[1]))
    apart = [standardised_difference(source.features[:, i], target.features[:, i]) for i in range(len(names))]
    order = sorted(range(len(names)), key=lambda i: -abs(apart[i]))[:MOST_COLUMNS]
    rows: list[dict[str, Any]] = [
        {
            "measure": names[i],
            "source": float(source.features[:, i].mean()),
            "target": float(target.features[:, i].mean()),
            "difference": apart[i],
        }
        for i in order
    ]
    return {"measures": rows, "notable": [row["measure"] for row in rows if abs(row["difference"]) >= NOTABLE]}


SURFACES: dict[Kind, tuple[Callable[[Domain, Domain, int], dict[str, Any]], str]] = {
    "image": (_pictures, "pictures"),
    "text": (_texts, "texts"),
    "sound": (_sounds, "sounds"),
    "row": (_cells, "columns"),
    "mixed": (_cells, "columns of numbers, categories and dates"),
    "features": (_columns, "columns"),
}
"""How raw examples of each kind are compared, and what is measured of them."""
