"""``transferium evaluate --full`` and ``--by``: a saved model from every side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from transferium.artifact import Artifact
from transferium.data.columns.table import Table
from transferium.data.doctor.scan import scan
from transferium.data.domain import Domain
from transferium.data.labels import subgroup_names
from transferium.data.readers.sequences import as_list
from transferium.embedding.embed import Embedder
from transferium.errors import DataError, InputError, option
from transferium.evaluation.sides.every_side import SIDES, look_from
from transferium.evaluation.sides.looked import Looked, Seen
from transferium.evaluation.sides.out_of_distribution import out_of_distribution
from transferium.evaluation.sides.subgroups import subgroups
from transferium.job.predict.apply import held_out, match_labels, read_like
from transferium.problems.classes import Classes

Full = bool | Literal["quick"]
MOST = 10_000
"""The most examples of each of the two parts that are looked at."""


def all_sides(
    model: Artifact,
    given: Domain,
    embedder: Embedder,
    *,
    full: Full,
    seed: int,
    before: Artifact | None = None,
    against: Domain | None = None,
) -> dict[str, Any]:
    """What the sides say of ``model`` on a labelled ``given``, by their keys: all with ``full``; subgroups with ``by``.

    With examples ``against`` which it is measured whether it tells others apart, there is ``out_of_distribution``.

    What it learned from is looked for among all that was given, whichever part that is in. Of more than 10,000 examples
    of one part, so many are drawn. ``before`` is the model that never saw the target, beside an adapted one. Raises
    ``DataError`` where nothing is asked for that can be answered.
    """
    if full not in (False, True, "quick"):
        raise InputError(f"full={full!r} must be False, True or 'quick'.")
    if not full and given.by is None and against is None:
        return {}
    looked = look(model, given, embedder, seed=seed, quick=full == "quick")
    looked = replace(looked, before=None if before is None else before.backbone)
    found: dict[str, Any] = look_from(SIDES, looked) if full else {}
    if against is not None:
        other = model.as_read(against)  # what cannot be read is an error of the command, not of one side
        found |= look_from({"out_of_distribution": partial(out_of_distribution, against=other)}, looked)
    if looked.held.domain.by is not None:
        found["subgroups"] = subgroups(looked)
    return found | ({"sampled": looked.sampled} if looked.sampled else {})


def look(model: Artifact, given: Domain, embedder: Embedder, *, seed: int, quick: bool = False) -> Looked:
    """What the sides look at: the held-out examples as ``evaluate`` takes them, and those that were learned from."""
    domain = _known(model, model.as_read(given))
    if domain.keys is None or isinstance(domain.samples, Table):
        domain = replace(domain, keys=scan(domain, progress=embedder.tick("read")).keys)
    domain = replace(domain, labels=match_labels(domain, model.problem), problem=model.problem)
    learned = model.learned.marks(domain)
    held = replace(domain, ids=[str(i) for i in range(len(domain))])
    aside = np.zeros(len(domain), bool)
    aside[[int(i) for i in held_out(held).ids]] = True
    fresh = bool((aside & ~learned).any())
    rng, said = np.random.default_rng(seed), []
    seen = []
    trained = learned & ~aside if (learned & ~aside).any() else learned
    for name, mark in (("evaluated", aside & ~learned if fresh else aside), ("learned from", trained)):
        at = np.flatnonzero(mark & np.array([bool(key) for key in domain.keys or ()], bool))
        if len(at) > MOST:
            said.append(f"{MOST:,} of {len(at):,} examples {name}")
            at = np.sort(rng.permutation(at)[:MOST])
        seen.append(_seen(model, domain.take(at), embedder) if len(at) else None)
    measured, train = seen
    if measured is None:
        raise DataError(f"none of the examples of {given.name!r} can be evaluated on")
    sampled = f"The sides are of {' and '.join(said)}, drawn by seed {seed}." if said else ""
    return Looked(model, measured, train if fresh else None, embedder, seed, fresh, quick, sampled)


def read_by(model: Artifact, data: Path, columns: Mapping[str, Any], by: str | None) -> Domain:
    """``data`` as the model reads it, with the subgroups of column ``by``, where one is named.

    Raises ``InputError`` where that is the column of labels, or the data is not read from a table.
    """
    domain = read_like(model, data, dict(columns) | ({} if by is None else {"by": by}))
    if by is not None and domain.by is None:
        raise InputError(
            f"{option('by', by)} names a column of a table, and {domain.name!r} was not read from one: give a table "
            "with the examples, their labels and that column."
        )
    return domain


def with_subgroups(domain: Domain, values: Any) -> Domain:
    """``domain`` with a subgroup for each example; raises ``DataError`` for another number of ``values``."""
    if values is None:
        return domain
    cells = as_list(values, "by=")
    if len(cells) != len(domain):
        raise DataError(f"by= has {len(cells)} values for {len(domain)} examples: give one for each of them.")
    return replace(domain, by=subgroup_names(cells))


def _known(model: Artifact, domain: Domain) -> Domain:
    """The examples of classes that the model knows; others, which a target may have, tell nothing of its sides."""
    if not isinstance(model.problem, Classes) or not isinstance(domain.problem, Classes):
        return domain
    theirs = np.array([name in set(model.classes) for name in domain.classes], bool)
    return domain.take(theirs[domain.y])


def _seen(model: Artifact, domain: Domain, embedder: Embedder) -> Seen | None:
    embedding = embedder(domain, model.backbone)[0]
    ok = embedding.ok
    outputs = model.outputs(embedding)
    return Seen(domain.take(ok), embedding.features[ok], outputs[ok]) if ok.any() else None
