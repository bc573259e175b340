"""Several fitted models that share one backbone: each is an adapter and a head, chosen with each call."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from transferium.embedding.engines.portable import base_of
from transferium.errors import InputError, did_you_mean
from transferium.estimator.load import base_for, load
from transferium.models.adapter import Adapter, read_adapter

if TYPE_CHECKING:
    from torch import nn


class Adapters:
    """One network in memory, and several adapters of it by name; ``predict(X, adapter=name)`` puts that one in.

    Putting an adapter in takes milliseconds, and taking it out leaves every bit of the network as it was. One call at
    a time: two threads must not ask at once.
    """

    def __init__(self, folders: Mapping[str, str | Path], *, backbone: Any = None) -> None:
        if not folders:
            raise InputError("no adapters were given: name at least one, as in {'film': 'RUN'}.")
        first = Path(next(iter(folders.values())))
        base = base_of(read_adapter(first)[0]) if backbone is None else base_for(first, backbone)
        self._network, self._inside = base.build().eval(), ExitStack()
        self._models = {name: load(folder, backbone=base) for name, folder in folders.items()}
        for model in self._models.values():
            fitted = model.artifact_.backbone
            assert fitted.adapter is not None
            own = replace(fitted, build=partial(self._with, fitted.adapter))
            model.artifact_, model.engine = replace(model.artifact_, backbone=own), "torch"

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the adapters."""
        return tuple(self._models)

    def predict(self, X: Any, *, adapter: str) -> Any:
        """What the model of that name predicts for each example: what its own ``predict`` gives."""
        return self._model(adapter).predict(X)

    def predict_proba(self, X: Any, *, adapter: str) -> NDArray[Any]:
        """The probabilities of its classes ``(n, classes)``."""
        model = self._model(adapter)
        if not hasattr(model, "predict_proba"):
            said = model.artifact_.problem.said()
            raise InputError(f"the model {adapter!r} predicts {said}, which have no probabilities here: use predict.")
        answers: NDArray[Any] = model.predict_proba(X)
        return answers

    def _model(self, name: str) -> Any:
        if name not in self._models:
            raise InputError(f"there is no adapter {name!r}. {did_you_mean(name, self._models)}")
        return self._models[name]

    def _with(self, adapter: Adapter) -> nn.Module:
        from transferium.models.peft.inject import attached

        self._inside.close()
        return self._inside.enter_context(attached(self._network, adapter))


def load_adapters(folders: Mapping[str, str | Path], *, backbone: Any = None) -> Adapters:
    """Adapters of one backbone by name, from runs or from folders with an adapter's two files.

    ``backbone`` is what ``load`` takes. Raises ``InputError`` for an adapter that belongs to another one.
    """
    return Adapters(folders, backbone=backbone)
