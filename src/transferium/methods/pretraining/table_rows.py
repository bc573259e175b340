"""Pretraining of an encoder of table rows: draw a row from what is left of it where cells were swapped."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from transferium.data.columns.table import Table
from transferium.data.domain import Domain, Kind
from transferium.errors import BackboneError
from transferium.methods.pretraining.corpus_of_examples import divided, examples_of
from transferium.methods.pretraining.pretraining import NEW, Pretrained, Pretraining, Spot
from transferium.methods.settings.field import setting
from transferium.methods.staged import run_stages
from transferium.models.columns.encoding import ColumnsPreprocess
from transferium.models.columns.row_encoder import row_encoder, write_row_encoder
from transferium.models.columns.row_layers import RowLayers

if TYPE_CHECKING:
    from torch import nn

    from transferium.models.model import Model
    from transferium.training.loop.stage import Stage


@dataclass
class RowPretraining(Pretraining):
    """``dae``: draw a row of a table from the features of one in which cells of other rows stand.

    The columns are encoded as for any fit, by what the training part says of them; the encoding is part of the encoder.
    """

    kind: ClassVar[Kind] = "row"
    objectives: ClassVar[tuple[str, ...]] = ("dae",)
    counts_with: ClassVar[dict[str, str]] = dict.fromkeys(("layers", "width", "plain"), NEW)

    epochs: int = setting(50, "passes over the corpus", bounds={"least": 1})
    batch_size: int = setting(128, "examples a step", bounds={"least": 2})
    strength: float = setting(
        0.15, "share of the cells that another row's take the place of", bounds={"least": 0, "below": 1}
    )
    layers: int = setting(2, "of a new network", bounds={"least": 1})
    width: int = setting(256, "numbers that each layer gives", bounds={"least": 1})
    plain: bool = setting(True, "whether the encoded columns stand beside what is learned")

    def open(self, corpus: Any, columns: Mapping[str, Any]) -> Domain:
        """The rows, without their labels."""
        return examples_of(corpus, columns, self.kind, self.objectives)

    def pretrain(self, corpus: Domain, asked: tuple[str, ...], start: str | None, spot: Spot) -> Pretrained:
        """Learn from the rows of ``corpus``; copies lie on one side of what is held out."""
        train, held, said = divided(corpus, self._held, spot)
        given = None if start is None else _encoding_of(start)
        encoding = ColumnsPreprocess.fit([_table(train)]) if given is None else given
        outcome, _, _ = run_stages(self, spot, self._stages(encoding, train, held, asked, spot), self.precision)
        plain = self.plain if given is None or given.learned is None else given.learned.plain
        learned = replace(encoding, learned=_layers_of(outcome.result.backbone, plain))
        if encoding.left_out:
            said = (*said, f"columns left out: {encoding.said_left_out()}")
        return Pretrained(
            kind=self.kind,
            write=partial(write_row_encoder, learned),
            history=outcome.history,
            counts={
                "rows": len(corpus),
                "columns": len(encoding.codes),
                "train": len(train),
                "held_out": len(held),
            },
            # A swapped number differs from the right one by two of its variances in the mean.
            beside={"dae of the mean row": 1.0, "dae of the noisy row as it is": 2 * self.strength},
            said=said,
        )

    def _stages(
        self, encoding: ColumnsPreprocess, train: Domain, held: Domain, asked: tuple[str, ...], spot: Spot
    ) -> Generator[Stage, None, Model]:
        import torch
        from torch import nn

        from transferium.models.model import Model
        from transferium.objectives.self_supervised.denoising import SwappedCells
        from transferium.training.feeds.feeds import Feeds

        reads = replace(encoding, learned=None)
        torch.manual_seed(spot.seed)
        sizes = (reads.width, *[self.width] * self.layers) if encoding.learned is None else encoding.learned.sizes
        model = Model(_network(sizes, encoding.learned), nn.Linear(sizes[-1], reads.width))
        columns = np.repeat(np.arange(len(encoding.codes)), [code.width for code in encoding.codes])
        about = {"encoding": encoding.fingerprint(), "objectives": list(asked)}
        lr = 1e-3 if encoding.learned is None else 1e-4
        objective = SwappedCells(columns.tolist(), self.strength)
        feeds = Feeds(reads, seed=spot.seed, workers=self.workers)
        yield self._stage(model, objective, feeds, train, held, seed=spot.seed, lr=lr, about=about)
        return model


def _network(sizes: tuple[int, ...], given: RowLayers | None) -> nn.Module:
    """The layers as a network that can be trained: those that are ``given``, or with random weights."""
    import torch
    from torch import nn

    linear = [nn.Linear(fan_in, out) for fan_in, out in pairwise(sizes)]
    for layer, parts in zip(linear, given.layers() if given is not None else [], strict=False):
        with torch.no_grad():
            for parameter, part in zip((layer.weight, layer.bias), parts, strict=True):
                parameter.copy_(torch.from_numpy(part.copy()))
    return nn.Sequential(*(module for layer in linear for module in (layer, nn.ReLU())))


def _layers_of(network: nn.Module, plain: bool) -> RowLayers:
    from torch import nn

    linear = [layer for layer in network.cpu().modules() if isinstance(layer, nn.Linear)]
    return RowLayers.of([(one.weight.detach().numpy(), one.bias.detach().numpy()) for one in linear], plain)


def _table(domain: Domain) -> Table:
    assert isinstance(domain.samples, Table)
    return domain.samples


def _encoding_of(start: str) -> ColumnsPreprocess:
    found = row_encoder(start)
    if found is None or not isinstance(found.preprocess, ColumnsPreprocess):
        raise BackboneError(f"pretraining on a table goes on from an encoder that one has left, and {start} is none.")
    return found.preprocess
