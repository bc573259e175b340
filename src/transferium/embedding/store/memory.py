"""Features kept in memory, for a run without a working feature store."""

from __future__ import annotations

from collections.abc import Iterator

from transferium.embedding.store.missing import Need
from transferium.embedding.store.table import Row

LIMIT = 256 << 20


class Memory:
    """Rows by backbone, preprocessing, engine and content; forgets everything when it grows past its limit."""

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit, self._bytes = limit, 0
        self._known: dict[tuple[str, ...], dict[str, Row]] = {}

    def rows(self, need: Need) -> Iterator[Row]:
        """The rows in memory for the examples that ``need`` lacks."""
        known = self._known.get(_name(need), {})
        return (known[key] for key in need.missing if key in known)

    def keep(self, need: Need) -> None:
        """Keep the rows of ``need`` in memory, unless they are in its store."""
        if need.space is not None and need.space.works:
            return
        if self._bytes + need.nbytes > self.limit:
            self._known, self._bytes = {}, 0
        if need.nbytes > self.limit:
            return
        known, copy = self._known.setdefault(_name(need), {}), need.rows.copy()
        for key, at in need.at.items():
            reason = need.reasons.get(key)
            known[key] = Row(key, None if reason else copy[at], reason)
        self._bytes += need.nbytes


def _name(need: Need) -> tuple[str, ...]:
    preprocess = need.backbone.preprocess
    return need.backbone.fingerprint, "" if preprocess is None else preprocess.fingerprint(), need.engine
