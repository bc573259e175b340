"""Differences between the raw examples of two domains, without any model: pictures, words, columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.columns.column import CODED, USED, Column
from transferium.data.columns.infer import as_type
from transferium.data.columns.table import Table
from transferium.data.domain import Domain, Kind
from transferium.data.images.decode import decode, mode_of
from transferium.data.images.sniff import HEAD, sniff
from transferium.data.modality import by_kind
from transferium.errors import DataError
from transferium.functional.shift.surface import compare_vocabulary, picture_measures, standardised_difference

Values = NDArray[np.floating[Any]]
PICTURES = 200
LEVELS = 20
"""Levels of a category that are compared."""
DAY = 86_400.0
TEXTS = 3000
NOTABLE = 0.5
"""A standardised difference (Cohen's d) from which a measure is named as a difference: "medium" by convention."""


OTHER_MODES = 0.1
"""Share of pictures that would have to change their mode, from which the modes of two domains differ."""


def compare_surface(source: Domain, target: Domain, *, seed: int) -> dict[str, Any]:
    """Differences that are seen in the raw examples, by the kind of data; samples are drawn by ``seed``."""
    return by_kind(SURFACES, source.kind, "comparison of raw examples")[0](source, target, seed)


def _pictures(source: Domain, target: Domain, seed: int) -> dict[str, Any]:
    measured = [_measure(domain, seed) for domain in (source, target)]
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
    types = [_file_types(domain, seed) for domain in (source, target)]
    return {
        "measures": rows,
        "notable": [row["measure"] for row in rows if abs(row["difference"]) >= NOTABLE],
        "file_types": {"source": types[0], "target": types[1]},
        "modes": modes_apart(source, target, seed=seed),
    }


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


def _measure(domain: Domain, seed: int) -> list[dict[str, float]]:
    found = []
    for i in _sample(domain, PICTURES, seed):
        try:
            found.append(picture_measures(np.asarray(decode(domain.samples.raw(i)))))
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
    """Columns of two tables: numbers, shares of levels, and days since 1970; cells that are missing do not count."""
    here, there = (d.samples if isinstance(d.samples, Table) else Table((), rows=0) for d in (source, target))
    measured = {
        name: values for column in here.columns if column.name in there for name, values in _measures(column, there)
    }
    return _apart(measured)


def _measures(column: Column, other: Table) -> Iterator[tuple[str, tuple[Values, Values]]]:
    """What of one column is compared, and its values in both."""
    if column.type not in USED:
        return
    sides = [column, as_type(other[column.name], column.type)]
    filled = [side.values[~side.missing] for side in sides]
    if column.type in CODED:
        texts = [np.array(side.levels, object)[codes] for side, codes in zip(sides, filled, strict=True)]
        for level in column.used[:LEVELS]:
            yield f"{column.name} = {level}", ((texts[0] == level) * 1.0, (texts[1] == level) * 1.0)
        return
    scale = DAY if column.type == "date" else 1.0
    there = [side.astype(np.float64) / scale for side in filled]
    yield column.name, (there[0][np.isfinite(there[0])], there[1][np.isfinite(there[1])])


def _columns(source: Domain, target: Domain, _seed: int) -> dict[str, Any]:
    names = source.feature_names or tuple(str(i) for i in range(source.features.shape[1]))
    return _apart({name: (source.features[:, i], target.features[:, i]) for i, name in enumerate(names)})


def _apart(measured: Mapping[str, tuple[Values, Values]], most: int = 12) -> dict[str, Any]:
    """The measures that differ most, each by its means and its standardised difference."""
    there = {name: sides for name, sides in measured.items() if all(map(len, sides))}
    apart = {name: standardised_difference(*sides) for name, sides in there.items()}
    order = sorted(there, key=lambda name: -abs(apart[name]))[:most]
    rows: list[dict[str, Any]] = [
        {
            "measure": name,
            "source": float(there[name][0].mean()),
            "target": float(there[name][1].mean()),
            "difference": apart[name],
        }
        for name in order
    ]
    return {"measures": rows, "notable": [row["measure"] for row in rows if abs(row["difference"]) >= NOTABLE]}


SURFACES: dict[Kind, tuple[Callable[[Domain, Domain, int], dict[str, Any]], str]] = {
    "image": (_pictures, "pictures"),
    "text": (_texts, "texts"),
    "row": (_cells, "columns"),
    "features": (_columns, "columns"),
}
"""How raw examples of each kind are compared, and what is measured of them."""
