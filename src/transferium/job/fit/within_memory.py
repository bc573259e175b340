"""The rows of large tables that are learned from: no more numbers than an ordinary machine holds, and that is said."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from transferium.data.columns.table import Table
from transferium.data.doctor.findings import Finding
from transferium.data.domain import Domain
from transferium.data.stratified_split import stratified_split

MOST = 2**26
"""The most numbers of encoded tables that are learned from: 256 MB in single precision, and solvers copy them."""


def within_memory(
    domains: Mapping[str, Domain], width: int, *, seed: int
) -> tuple[dict[str, NDArray[np.bool_]], tuple[Finding, ...]]:
    """Which rows of each domain are learned from, by its name, and what is said of those that are left out.

    Tables in ``width`` encoded columns make ``MOST`` numbers at most, all together: small ones keep their rows, and
    large ones share what is left. Rows are drawn by class where labels are known, and those of one group stay together.
    """
    kept = {name: np.ones(len(domain), bool) for name, domain in domains.items()}
    tables = sorted((len(one), name) for name, one in domains.items() if isinstance(one.samples, Table))
    left, found = MOST // max(1, width), []
    for k, (n, name) in enumerate(tables):
        rows = left // (len(tables) - k)
        if n > rows:
            kept[name] = _drawn(domains[name], rows, seed)
            found.append(_said(name, int(kept[name].sum()), n, width, seed))
        left -= min(n, rows)
    return kept, tuple(found)


def _drawn(domain: Domain, rows: int, seed: int) -> NDArray[np.bool_]:
    n = len(domain)
    strata = np.zeros(n, np.int64) if domain.labels is None else domain.posed.strata(domain.y)
    shares = np.array([rows / n, 1 - rows / n])
    return np.asarray(stratified_split(strata, domain.groups, shares, seed) == 0)


def _said(name: str, some: int, n: int, width: int, seed: int) -> Finding:
    message = (
        f"{some:,} of {n:,} {name} rows are learned from, drawn by seed {seed}: their columns make {width:,} numbers "
        f"of each, and more than {MOST:,} would not fit into an ordinary machine's memory. Columns of fewer levels "
        "make fewer"
    )
    return Finding("large-table", "warning", message)
