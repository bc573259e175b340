"""``transferium rank``: which backbone or which labelled source suits a target, without training any."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from transferium.data.domain import Domain
from transferium.data.read import read
from transferium.embedding.embed import Embedder
from transferium.embedding.store.store import FeatureStore
from transferium.errors import DataError, InputError, TransferiumError, TransferiumWarning, option
from transferium.job.adapt.given_model import GivenModel, is_model
from transferium.job.adapt.read_pair import read_target
from transferium.job.fit.prepare import prepare, separate, training_parts
from transferium.job.rank.every_layer import every_layer
from transferium.job.rank.ranking import Ranking, ranked
from transferium.job.rank.score_backbone import score_backbone
from transferium.job.rank.score_model import score_model
from transferium.job.rank.score_source import score_source
from transferium.job.rank.scored import Scored
from transferium.job.run_backbone import named_backbone
from transferium.job.stopwatch import Stopwatch
from transferium.models.backbone import Backbone
from transferium.models.catalogue import catalogue
from transferium.problems.catalogue import OF_EXAMPLES
from transferium.system.display import display

Spec = str | Path | Backbone
Named = Mapping[str, Any]


def rank(
    target: Any,
    *,
    backbones: Sequence[Spec] | Mapping[str, Spec] = (),
    sources: Sequence[Any] | Mapping[str, Any] = (),
    seed: int = 0,
    store: bool = True,
    verbose: bool | None = None,
    **columns: Any,
) -> dict[str, Any]:
    """Which of several backbones (or saved runs), or which labelled source, suits ``target``; nothing is trained.

    ``target`` and ``columns`` are what ``read`` takes. ``backbones`` are names, folders of saved runs or ``Backbone``
    objects, ``sources`` labelled data or folders of saved runs; a mapping names them otherwise. ``NAME@3`` is the third
    layer of an encoder of texts, ``NAME@mean`` the mean of its layers, ``NAME@all`` each of them and that mean.
    Backbones need labels of the target; its test part is not looked at. Sources are compared by what their models get
    right on the target's labels, where it has any, else by the distance of the inputs (a saved run has no inputs any
    more); with ``backbones`` labelled data is seen through each of them. With neither, the backbones that are here are
    compared. A candidate that cannot be scored is left out, with a warning, and named in the doubt.

    Returns ``{"candidates": [{"name", "scores", "seconds"}, …], "recommended", "reason", "doubt"}``, the best first.
    Raises ``DataError`` without labels where they are needed, and where no candidate can be scored.

    >>> texts = ["good film", "fine film", "great film", "bad film", "poor film", "awful film"] * 4
    >>> found = rank(texts, backbones=["char_ngrams"], label=["+", "+", "+", "-", "-", "-"] * 4, store=False)
    >>> found["recommended"], sorted(found)
    ('char_ngrams', ['candidates', 'doubt', 'reason', 'recommended'])
    """
    domain = read_target(Path(target), columns) if isinstance(target, str | os.PathLike) else read(target, **columns)
    embedder = Embedder(FeatureStore() if store else None, progress=display(verbose))
    return rank_candidates(domain, named(backbones), named(sources), embedder, seed=seed, columns=columns).as_dict()


def rank_candidates(
    target: Domain, backbones: Named, sources: Named, embedder: Embedder, *, seed: int, columns: Mapping[str, Any]
) -> Ranking:
    """The candidates in order, with what their scores were."""
    if target.problem is not None and target.problem.kind not in OF_EXAMPLES:
        raise DataError(
            f"candidates are ranked by one answer for each example, and {target.name!r} has {target.problem.said()}: "
            "fit with each of them instead."
        )
    if sources:
        return _rank_sources(target, backbones, sources, embedder, seed, columns)
    return _rank_backbones(target, every_layer(backbones, target.kind) or _offline(target), embedder, seed)


def named(given: Sequence[Any] | Mapping[str, Any]) -> dict[str, Any]:
    """Candidates by name; raises ``InputError`` where two have one name.

    >>> list(named(["a", "runs/b"]))
    ['a', 'runs/b']
    """
    if isinstance(given, Mapping):
        return dict(given)
    names = [getattr(one, "name", None) if not isinstance(one, str | Path) else str(one) for one in given]
    if len(set(names)) < len(names) or None in names:
        raise InputError("candidates need different names: give a mapping from a name to each of them.")
    return dict(zip(map(str, names), given, strict=True))


def _offline(target: Domain) -> dict[str, Any]:
    found = {row["name"]: row["name"] for row in catalogue() if row["kind"] == target.kind and row["available"]}
    if not found:
        raise InputError(
            f"no backbone is known for {target.kind} examples: name some, {option('backbones')}, or {option('sources')}"
        )
    return found


def _rank_backbones(target: Domain, backbones: Named, embedder: Embedder, seed: int) -> Ranking:
    if target.labels is None:
        raise DataError(
            f"backbones are ranked by labels, and {target.name!r} has none: label some examples, or rank "
            f"{option('sources')}."
        )
    train, tried, aside = _usable(target, backbones, embedder, seed)
    scored, left_out = _each(
        {name: spec for name, spec in backbones.items() if name not in tried},
        lambda name, spec: score_backbone(name, spec, train, embedder, seed=seed),
    )
    return ranked(_some(scored, tried | left_out), train, seed=seed, notes=(*aside, *_said(tried | left_out)))


def _usable(
    target: Domain, backbones: Named, embedder: Embedder, seed: int
) -> tuple[Domain, dict[str, str], tuple[str, ...]]:
    """The usable labelled examples outside of a test part, by the first backbone that runs.

    And why other backbones did not run, and why examples are not usable.
    """
    failed: dict[str, str] = {}
    for name, spec in backbones.items():
        try:
            backbone = named_backbone(spec, target.kind)
            prepared = prepare(target, embedder, backbone, watch=Stopwatch())
        except TransferiumError as error:
            failed[name] = _left_out(name, error)
            continue
        given = target.parts is not None and (target.parts == "test").any()
        train = separate(prepared, seed=seed).train if given else training_parts(prepared)[0]
        return train, failed, tuple(f"{message}." for message in prepared.aside)
    raise DataError(" ".join(["no candidate can be scored:", *failed.values()]))


def _rank_sources(
    target: Domain, backbones: Named, sources: Named, embedder: Embedder, seed: int, columns: Mapping[str, Any]
) -> Ranking:
    seen, given = without_test(target), _read_sources(sources, columns)
    through: dict[str, Any] = every_layer(backbones, target.kind) or {"": None}
    pairs = {
        f"{name} through {spec}" if len(through) > 1 and isinstance(source, Domain) else name: (source, through[spec])
        for name, source in given.items()
        for spec in through
    }

    def score(name: str, pair: tuple[Domain | GivenModel | TransferiumError, Any]) -> Scored:
        source, backbone = pair
        if isinstance(source, TransferiumError):
            raise source
        if isinstance(source, GivenModel):
            return score_model(name, source, seen, embedder)
        return score_source(name, source, seen, backbone, embedder, seed=seed)

    scored, left_out = _each(pairs, score)
    ranking = ranked(_some(scored, left_out), seen, seed=seed, notes=_said(left_out))
    if ranking.by == "a_distance" and len(through) > 1:
        word = "Distances through different backbones are not comparable."
        return ranked(scored, seen, seed=seed, notes=(word, *ranking.notes))
    return ranking


def _read_sources(sources: Named, columns: Mapping[str, Any]) -> dict[str, Domain | GivenModel | TransferiumError]:
    """Each source by its name, or why it cannot be read."""
    found: dict[str, Domain | GivenModel | TransferiumError] = {}
    for name, source in sources.items():
        try:
            if isinstance(source, str | Path) and is_model(Path(source)):
                found[name] = GivenModel.load(Path(source))
            else:
                found[name] = source if isinstance(source, Domain) else read(source, **columns)
        except TransferiumError as error:
            found[name] = error
    return found


def without_test(target: Domain) -> Domain:
    """The target without its test part: what chooses a model does not measure it afterwards."""
    if target.parts is None:
        return target
    kept = np.asarray(target.parts != "test")
    if not kept.any():
        raise DataError(f"{target.name!r} has a test part alone, which chooses nothing: give other examples.")
    return target.take(kept)


def _each(given: Named, score: Callable[[str, Any], Scored]) -> tuple[list[Scored], dict[str, str]]:
    """The scores of every candidate that has any, and for the others why not."""
    scored, left_out = [], {}
    for name, one in given.items():
        try:
            scored.append(score(name, one))
        except TransferiumError as error:
            left_out[name] = _left_out(name, error)
    return scored, left_out


def _left_out(name: str, error: TransferiumError) -> str:
    said = f"{name} was left out: {error}"
    warnings.warn(said, TransferiumWarning, stacklevel=4)
    return said


def _some(scored: list[Scored], left_out: Mapping[str, str]) -> list[Scored]:
    if not scored:
        raise DataError(" ".join(["no candidate can be scored:", *left_out.values()]))
    return scored


def _said(left_out: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(left_out.values())
