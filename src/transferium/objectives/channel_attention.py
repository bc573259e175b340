"""The importance of each channel of a layer: the rise in loss when the channel is switched off."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from transferium.functional.losses.feature_maps import channel_axis
from transferium.training.feeds.batch import Batch

Head = Callable[[Tensor], Tensor]


@torch.no_grad()
def loss_rises(body: nn.Module, head: Head, layer: str, blocks: Sequence[str], batches: Iterable[Batch]) -> Tensor:
    """Mean rise in cross-entropy ``(channels,)`` when each output channel of ``layer`` is set to zero, one at a time.

    ``layer`` and ``blocks`` (in forward order) are dotted names within the backbone ``body``, which is put into eval
    mode; ``head`` makes logits of its features. Only what lies behind ``layer`` is computed again for each channel: the
    blocks up to it answer what they answered before. Behind a last block that is a pooling and the head; the cost grows
    with everything else there is.
    """
    body.eval()
    before = [*blocks[: list(blocks).index(layer)], layer]
    rises, rows = torch.zeros((), dtype=torch.float64), 0
    for batch in batches:
        rises = rises + _rises(body, head, layer, before, batch).cpu()
        rows += len(batch)
    return rises / rows


def _rises(body: nn.Module, head: Head, layer: str, before: Sequence[str], batch: Batch) -> Tensor:
    names = frozenset(name for name in before if name in dict(body.named_modules()))
    answers, features = _remembered(body, names, batch)

    def loss(features: Tensor) -> Tensor:
        assert batch.labels is not None
        return nn.functional.cross_entropy(head(features).double(), batch.labels, reduction="sum")

    whole, base = answers[layer], loss(features)
    maps = whole[0] if isinstance(whole, tuple) else whole
    rises = []
    for channel in range(maps.shape[channel_axis(maps)]):
        without = maps.clone()
        without.select(channel_axis(maps), channel).zero_()
        changed = (without, *whole[1:]) if isinstance(whole, tuple) else without
        with _answering(body, answers | {layer: changed}):
            rises.append(loss(body(*batch.inputs)) - base)
    return torch.stack(rises)


def _remembered(body: nn.Module, names: frozenset[str], batch: Batch) -> tuple[dict[str, Any], Tensor]:
    """The output of each of these modules on a batch, and the features."""
    answers: dict[str, Any] = {}

    def note(name: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            answers[name] = output

        return hook

    hooks = [body.get_submodule(name).register_forward_hook(note(name)) for name in sorted(names)]
    try:
        features = body(*batch.inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return answers, features


@contextmanager
def _answering(body: nn.Module, answers: dict[str, Any]) -> Iterator[None]:
    """The modules named give these answers instead of computing them."""
    modules = {name: body.get_submodule(name) for name in answers}
    own = {name: vars(module).get("forward") for name, module in modules.items()}
    for name, module in modules.items():
        vars(module)["forward"] = _say(answers[name])
    try:
        yield
    finally:
        for name, module in modules.items():
            if own[name] is None:
                del vars(module)["forward"]
            else:
                vars(module)["forward"] = own[name]


def _say(answer: Any) -> Any:
    def say(*_inputs: Any, **_options: Any) -> Any:
        return answer

    return say
