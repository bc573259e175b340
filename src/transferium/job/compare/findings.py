"""Findings on the domains of an adaptation side by side: different modes of pictures, and sources that are the same."""

from __future__ import annotations

from transferium.data.columns.table import Table
from transferium.data.doctor.findings import Finding, count, some
from transferium.data.domain import Domain
from transferium.data.pairing import Pair
from transferium.job.compare.column_shift import column_shifts, notable, unseen_levels
from transferium.job.compare.surface import modes_apart
from transferium.job.fit.prepare import Prepared


def domain_findings(pair: Pair, source: Prepared, target: Prepared, *, seed: int) -> list[Finding]:
    """Findings on the usable examples of both, beside those on their contents and their classes."""
    return [*_modes(source, target, seed), *_moved_columns(source, target), *_shared_sources(pair, source)]


def _moved_columns(source: Prepared, target: Prepared) -> list[Finding]:
    here, there = source.domain.samples, target.domain.samples
    if not isinstance(here, Table) or not isinstance(there, Table):
        return []
    moved, new = notable(column_shifts(here, there)), unseen_levels(here, there)
    said = f"columns that differ between source and target: {some(moved, 10)}"
    found = [Finding("column-shift", "note", said if moved else "no column differs notably between source and target")]
    if new:
        message = f"levels that the source never has, of which nothing can be learned there: {some(new, 5)}"
        found.append(Finding("unseen-level", "warning", message))
    return found


def _modes(source: Prepared, target: Prepared, seed: int) -> list[Finding]:
    if source.domain.kind != "image" or not (said := modes_apart(source.domain, target.domain, seed=seed)):
        return []
    return [Finding("image-modes", "warning", said)]


def _shared_sources(pair: Pair, source: Prepared) -> list[Finding]:
    """Sources whose examples an earlier source holds already, by the hashes of their contents."""
    origin = pair.origin[source.diagnosis.keep]
    first: dict[str, int] = {}
    for key, k in zip(source.domain.keys or (), origin, strict=False):
        if key:
            first.setdefault(key, int(k))
    findings = []
    for k, name in enumerate(pair.names):
        ids = [i for i in range(len(origin)) if origin[i] == k]
        keys = source.domain.keys or ()
        again = [i for i in ids if keys and first.get(keys[i], k) < k]
        if again:
            message = (
                f"{count(len(again), 'example')} of {len(ids)} of source {k + 1} ({name!r}) are also in an earlier "
                "source, byte for byte, and count more than once"
            )
            findings.append(Finding("shared-sources", "warning", message, tuple(source.domain.ids[i] for i in again)))
    return findings


def compare_contents(source: Domain, target: Domain) -> list[Finding]:
    """Whether the two are the same data, or share some of it, by the hashes of their contents."""
    here, there = set(source.keys or ()) - {""}, [key for key in target.keys or () if key]
    shared = [i for i, key in enumerate(target.keys or ()) if key in here]
    if not shared:
        return []
    if len(shared) == len(there) and here == set(there):
        message = "source and target are the same examples: there is nothing to adapt to"
        return [Finding("identical-domains", "warning", message)]
    share = f"{count(len(shared), 'example')} of {len(target)} in the target {'is' if len(shared) == 1 else 'are'}"
    ids = tuple(target.ids[i] for i in shared)
    return [Finding("shared-examples", "warning", f"{share} also in the source, byte for byte", ids)]
