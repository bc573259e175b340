"""What an adaptation says of its domains side by side: other modes of pictures, one source that is also another."""

from __future__ import annotations

from transferium.data.findings import Finding, count
from transferium.data.pairing import Pair
from transferium.job.prepare import Looked
from transferium.job.surface import modes_apart


def about_domains(pair: Pair, source: Looked, target: Looked, *, seed: int) -> list[Finding]:
    """Findings on the usable examples of both, beside those on their contents and their classes."""
    return [*_modes(source, target, seed), *_shared_sources(pair, source)]


def _modes(source: Looked, target: Looked, seed: int) -> list[Finding]:
    if source.domain.kind != "image" or not (said := modes_apart(source.domain, target.domain, seed=seed)):
        return []
    return [Finding("image-modes", "warning", said)]


def _shared_sources(pair: Pair, source: Looked) -> list[Finding]:
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
