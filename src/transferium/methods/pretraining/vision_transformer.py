"""Pretraining of vision transformers by masked image modelling."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from transferium.data.domain import Domain, Kind
from transferium.errors import InputError
from transferium.methods.pretraining.corpus_of_examples import divided, examples_of
from transferium.methods.pretraining.pretraining import NEW, Pretrained, Pretraining, Spot
from transferium.methods.settings.field import setting
from transferium.methods.staged import run_stages
from transferium.models.preprocess import ImagePreprocess

if TYPE_CHECKING:
    from transferium.models.model import Model
    from transferium.training.loop.stage import Stage

_HALF = (0.5, 0.5, 0.5)


@dataclass
class VisionTransformerPretraining(Pretraining):
    """``mim``: draw hidden patches of a picture. A small ViT with random weights, or one of transformers goes on."""

    kind: ClassVar[Kind] = "image"
    objectives: ClassVar[tuple[str, ...]] = ("mim",)
    counts_with: ClassVar[dict[str, str]] = dict.fromkeys(("size", "patch", "layers", "width", "heads"), NEW)

    batch_size: int = setting(64, "examples a step")
    augment: str = setting("none", "random changes to the pictures, as in crop+flip", choices=())
    ratio: float = setting(0.6, "share of the patches that is hidden", bounds={"above": 0, "below": 1})
    size: int = setting(32, "input side of a new ViT in pixels", bounds={"least": 8})
    patch: int = setting(4, "side of a patch of a new ViT in pixels", bounds={"least": 2})
    layers: int = setting(6, "of a new ViT", bounds={"least": 1})
    width: int = setting(192, "of a new ViT", bounds={"least": 8})
    heads: int = setting(3, "attention heads of a new ViT", bounds={"least": 1})

    def __post_init__(self) -> None:
        super().__post_init__()
        from transferium.training.augment.augment import check_augment

        check_augment(self.augment)
        if self.size % self.patch or self.width % self.heads:
            raise InputError(
                f"size={self.size} must be a multiple of patch={self.patch}, and width={self.width} of "
                f"heads={self.heads}."
            )

    def open(self, corpus: Any, columns: Mapping[str, Any]) -> Domain:
        """The pictures, without their labels."""
        return examples_of(corpus, columns, self.kind, self.objectives)

    def pretrain(self, corpus: Domain, asked: tuple[str, ...], start: str | None, spot: Spot) -> Pretrained:
        """Learn from the pictures of ``corpus``; copies lie on one side of what is held out."""
        train, held, said = divided(corpus, self._held, spot)
        outcome, _, _ = run_stages(self, spot, self._stages(train, held, start, spot), self.precision)
        return Pretrained(
            kind=self.kind,
            write=partial(_write, *outcome.result),
            history=outcome.history,
            counts={"pictures": len(corpus), "train": len(train), "held_out": len(held)},
            beside={"mim of the mean picture": 1.0},
            said=said,
        )

    def _stages(
        self, train: Domain, held: Domain, start: str | None, spot: Spot
    ) -> Generator[Stage, None, tuple[Model, ImagePreprocess]]:
        from torch import nn

        from transferium.models.model import Model
        from transferium.models.sources.vision_transformers import continued_vit, untrained_vit
        from transferium.models.sources.wrapped import fingerprint_module
        from transferium.objectives.self_supervised.masked_images import MaskedImages
        from transferium.training.feeds.feeds import Feeds

        if start is None:
            body = untrained_vit(self.size, self.patch, self.layers, self.width, self.heads)
            side = self.size
            preprocess = ImagePreprocess(side, side, "bilinear", _HALF, _HALF, decode_at_least=2 * side, crop="squash")
        else:
            body, preprocess = continued_vit(_folder(start))
        config = body.model.config
        model = Model(body, nn.Linear(config.hidden_size, 3 * config.patch_size**2))
        feeds = Feeds(preprocess, augment=self.augment, seed=spot.seed, workers=self.workers)
        about = {"backbone": fingerprint_module(body), "preprocessing": preprocess.fingerprint()}
        lr = 5e-4 if start is None else 5e-5
        objective = MaskedImages(config.patch_size, self.ratio)
        yield self._stage(model, objective, feeds, train, held, seed=spot.seed, lr=lr, about=about)
        return model, preprocess


def _folder(name: str) -> Path:
    from transferium.models.sources.transformers_models import folder_named

    folder = folder_named(name)
    if not (folder / "config.json").is_file():
        raise InputError(
            f"masked image modelling goes on from hf/<owner>/<name> or a folder with a ViT; {name} is none."
        )
    return folder


def _write(model: Model, preprocess: ImagePreprocess, folder: Path) -> None:
    from transferium.models.sources.vision_transformers import PatchEncoder, write_vit

    body = model.backbone.cpu()
    assert isinstance(body, PatchEncoder)
    write_vit(body, preprocess, folder)
