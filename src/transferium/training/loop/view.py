"""One batch of every stream seen by one model; each forward pass is made at most once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from transferium.errors import DataError, InputError, did_you_mean
from transferium.models.model import Model
from transferium.training.feeds.batch import Batch


class View:
    """What objectives can read of one step; each value is computed once, for all terms.

    ``joint=True`` sends all streams through the backbone in one pass, so that batch normalisation sees their union;
    ``joint=False`` makes one pass for each stream that is asked for.
    ``progress`` runs from 0 at a stage's first step towards 1.
    ``taps`` are dotted names of the modules that :meth:`activation` gives outputs of.
    """

    def __init__(
        self,
        model: Model,
        batches: Mapping[str, Batch],
        *,
        progress: float = 0.0,
        joint: bool = False,
        taps: frozenset[str] = frozenset(),
    ) -> None:
        self.model, self.batches, self.progress, self.joint, self.taps = model, dict(batches), progress, joint, taps
        self._features: dict[str, Tensor] = {}
        self._logits: dict[str, Tensor] = {}
        self._activations: dict[str, dict[str, Tensor]] = {}

    def _batch(self, stream: str) -> Batch:
        if stream not in self.batches:
            raise InputError(f"this step has no stream {stream!r}. {did_you_mean(stream, self.batches)}")
        return self.batches[stream]

    def inputs(self, stream: str) -> tuple[Tensor, ...]:
        """The tensors that the backbone is given."""
        return self._batch(stream).inputs

    def index(self, stream: str) -> Tensor:
        """Each row's position in the stream's domain."""
        return self._batch(stream).index

    def labels(self, stream: str) -> Tensor:
        """Class numbers or probabilities; ``DataError`` where the stream has none."""
        labels = self._batch(stream).labels
        if labels is None:
            raise DataError(f"stream {stream!r} is unlabelled, and an objective asked for its labels.")
        return labels

    def features(self, stream: str) -> Tensor:
        """What the head reads: ``(n, width)``, or of sentences ``(n, words, width)``."""
        if stream not in self._features:
            self._batch(stream)
            self._look(list(self.batches) if self.joint else [stream])
        return self._features[stream]

    def logits(self, stream: str) -> Tensor:
        """The head's answer ``(n, classes)``, or of sentences ``(n, words, tags)``."""
        if stream not in self._logits:
            self._logits[stream] = self.model.head(self.features(stream))
        return self._logits[stream]

    def activation(self, stream: str, module: str) -> Tensor:
        """The output of one tapped module of the model, in the same forward pass as the features."""
        if module not in self.taps:
            raise InputError(f"module {module!r} is not tapped: list it in the objective's taps.")
        self.features(stream)
        return self._activations[stream][module]

    def seen_as(self, stream: str, inputs: tuple[Tensor, ...], labels: Tensor | None = None) -> View:
        """The same step with other inputs (and labels, where given) in one stream.

        Streams that were passed separately keep the passes already made.
        """
        old = self._batch(stream)
        changed = replace(old, inputs=inputs, labels=old.labels if labels is None else labels)
        view = View(
            self.model, self.batches | {stream: changed}, progress=self.progress, joint=self.joint, taps=self.taps
        )
        if not self.joint:
            for mine, theirs in ((view._features, self._features), (view._logits, self._logits)):
                mine.update({name: t for name, t in theirs.items() if name != stream})
            view._activations = {name: a for name, a in self._activations.items() if name != stream}
        return view

    def _look(self, streams: list[str]) -> None:
        columns = zip(*(self.batches[name].inputs for name in streams), strict=True)
        inputs = [column[0] if len(column) == 1 else torch.cat(column) for column in columns]
        sizes = [len(self.batches[name]) for name in streams]
        with _Taps(self.model, self.taps) as outputs:
            features = self.model.features(*inputs)
        self._features |= dict(zip(streams, torch.split(features, sizes), strict=True))
        split = {module: torch.split(output, sizes) for module, output in outputs.items()}
        for i, name in enumerate(streams):
            self._activations[name] = {module: parts[i] for module, parts in split.items()}


class _Taps:
    """Forward hooks that live for one pass."""

    def __init__(self, model: Model, names: frozenset[str]) -> None:
        self.model, self.names = model, names
        self.outputs: dict[str, Tensor] = {}

    def __enter__(self) -> dict[str, Tensor]:
        self.hooks = [_find(self.model, name).register_forward_hook(self._keep(name)) for name in sorted(self.names)]
        return self.outputs

    def __exit__(self, *_: object) -> None:
        for hook in self.hooks:
            hook.remove()

    def _keep(self, name: str) -> Callable[..., None]:
        def keep(_module: nn.Module, _inputs: Any, output: Any) -> None:
            self.outputs[name] = output[0] if isinstance(output, tuple) else output

        return keep


def _find(model: Model, name: str) -> nn.Module:
    try:
        return model.get_submodule(name)
    except AttributeError as error:
        names = [n for n, _ in model.named_modules() if n]
        raise InputError(f"the model has no module {name!r} to tap. {did_you_mean(name, names)}") from error
