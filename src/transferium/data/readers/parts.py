"""One domain from several that were read one by one, each of them a part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import PARTS, Domain
from transferium.data.joined_samples import join_samples
from transferium.errors import DataError
from transferium.problems.catalogue import same_kind
from transferium.problems.problem import Problem


def join_parts(by_part: Mapping[str, Domain], name: str, *, whole: bool = False) -> Domain:
    """One domain with ``parts`` from domains of one kind; the classes of all parts are merged and sorted.

    Where only some parts have labels the others are left aside and named in ``ignored["parts"]``: nothing could be
    learned from them, nor measured on them. With ``whole`` all stay and none has labels.
    """
    names = [part for part in PARTS if part in by_part]
    labelled = [part for part in names if by_part[part].labels is not None]
    if whole and labelled != names:
        labelled = []
    aside = [f"{part} ({len(by_part[part]):,})" for part in names if part not in labelled] if labelled else []
    names = labelled or names
    domains = [by_part[part] for part in names]
    _check_alike(domains)
    labels, problem = join_labels(domains, name) if labelled else (None, None)
    return Domain(
        samples=join_samples([domain.samples for domain in domains]),
        kind=domains[0].kind,
        ids=list(chain.from_iterable(domain.ids for domain in domains)),
        labels=labels,
        problem=problem,
        parts=np.repeat(np.array(names), [len(domain) for domain in domains]),
        groups=_join_groups(domains),
        by=_join_subgroups(domains),
        name=name,
        feature_names=domains[0].feature_names,
        layout=domains[0].layout,
        ignored=join_ignored([*(domain.ignored for domain in by_part.values()), {"parts": tuple(aside)}]),
    )


def join_ignored(several: Iterable[Mapping[str, tuple[str, ...]]]) -> dict[str, tuple[str, ...]]:
    """Everything that was left aside, by kind, each name once."""
    joined: dict[str, dict[str, None]] = {}
    for ignored in several:
        for kind, names in ignored.items():
            joined.setdefault(kind, {}).update(dict.fromkeys(names))
    return {kind: tuple(names) for kind, names in joined.items() if names}


def join_labels(domains: Sequence[Domain], name: str) -> tuple[NDArray[Any], Problem]:
    """The labels of all domains, one after another, and the one problem that they pose together."""
    posed = [domain.posed for domain in domains]
    same_kind(posed, f"the parts of {name!r}")
    problem = posed[0].joined(posed[1:])
    return np.concatenate([problem.match(d.y, d.posed, repr(d.name)) for d in domains]), problem


def _join_groups(domains: Sequence[Domain]) -> NDArray[np.int64] | None:
    """Group numbers that differ between parts: the given parts are never mixed."""
    if any(domain.groups is None for domain in domains):
        return None
    groups = [domain.groups for domain in domains if domain.groups is not None]
    starts = np.cumsum([0, *(int(g.max(initial=-1)) + 1 for g in groups)])
    return np.concatenate([g + start for g, start in zip(groups, starts[:-1], strict=True)])


def _join_subgroups(domains: Sequence[Domain]) -> NDArray[np.object_] | None:
    found = [domain.by for domain in domains if domain.by is not None]
    return np.concatenate(found) if len(found) == len(domains) else None


def _check_alike(domains: Sequence[Domain]) -> None:
    first = domains[0]
    for other in domains[1:]:
        if other.kind != first.kind:
            raise DataError(f"{first.name!r} holds {first.kind} examples but {other.name!r} holds {other.kind} ones")
        if other.feature_names != first.feature_names:
            here, there = set(first.feature_names or ()), set(other.feature_names or ())
            odd = sorted(here ^ there)
            raise DataError(
                f"{first.name!r} and {other.name!r} have different feature columns: {', '.join(map(repr, odd[:5]))} "
                f"{'is' if len(odd) == 1 else 'are'} in one only. Leave such columns out of both."
                if odd
                else f"{first.name!r} and {other.name!r} have the same feature columns in another order"
            )
