"""Reading of the sources, or a model in their place, and the target from paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transferium.data.domain import Domain
from transferium.data.pairing import Pair, pair_domains
from transferium.data.read import first_cells_of, read, read_path
from transferium.errors import InputError
from transferium.job.adapt.given_model import GivenModel, alone, is_model
from transferium.job.predict.apply import columns_like, read_like


def read_pair(target: Path, sources: Sequence[Path], columns: Mapping[str, Any], few: Path | None = None) -> Pair:
    """Read every source, the target and the ``few`` labelled examples of it with the named ``columns``; join them.

    A label column that the target does not have is no error: a target needs none. A saved model is: ``InputError``.
    """
    for path in (target, *sources, *([] if few is None else [few])):
        if is_model(path):
            raise InputError(
                f"{path} is a saved model or run, not data. Only the --source of fit may be one, and only alone: give "
                "the examples themselves."
            )
    told = None if few is None else read(few, **columns)
    return pair_domains([read(path, **columns) for path in sources], read_target(target, columns), told)


def read_given(
    target: Path, sources: Sequence[Path], columns: Mapping[str, Any], few: Path | None = None
) -> tuple[Pair, GivenModel | None]:
    """:func:`read_pair`, or where a source is a saved model its classes and a target read as it reads; and that model.

    Raises ``InputError`` where a model is not the only source.
    """
    model = alone([GivenModel.load(path) for path in sources if is_model(path)], len(sources))
    if model is None:
        return read_pair(target, sources, columns, few), None
    told = None if few is None else read_like(model.artifact, few, columns)
    return model.pair(read_target(target, columns_like(model.artifact, target, columns)), told), model


def read_target(target: Path, columns: Mapping[str, Any]) -> Domain:
    """The target with those of the named columns that it must have, and those it happens to have.

    A label column that is filled in part gives no labels: a target's are not used for training, and a finding says so.
    """
    asked = dict(columns)
    if asked.get("label") is not None and (there := first_cells_of(target, layout=asked.get("layout"))) is not None:
        asked = {use: name for use, name in asked.items() if use != "label" or name in there}
    return read_path(target, gaps=True, **asked)
