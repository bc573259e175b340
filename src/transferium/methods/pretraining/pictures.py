"""Pretraining of image encoders: draw a picture without its noise, or know two versions of one for the same."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from transferium.data.domain import Domain, Kind
from transferium.methods.pretraining.corpus_of_examples import divided, examples_of
from transferium.methods.pretraining.pretraining import Pretrained, Pretraining, Spot
from transferium.methods.pretraining.reconstructions import FILE, write_reconstructions
from transferium.methods.settings.field import setting
from transferium.methods.staged import run_stages
from transferium.models.backbone import Backbone
from transferium.models.preprocess import ImagePreprocess
from transferium.objectives.self_supervised.choices import NOISES

if TYPE_CHECKING:
    from transferium.models.model import Model
    from transferium.objectives.self_supervised.base import SelfSupervised
    from transferium.training.feeds.feeds import Feeds
    from transferium.training.loop.stage import Stage


@dataclass
class PicturePretraining(Pretraining):
    """``dae``: draw the picture from the features of a noisy one; ``vicreg``: two versions have the same features.

    From ``small_cnn`` with random weights, or on from another network. A summed ``dae`` draws the first version. Prefer
    ``noise=warping`` where a picture means the same when it is turned or moved a little.
    """

    kind: ClassVar[Kind] = "image"
    objectives: ClassVar[tuple[str, ...]] = ("dae", "vicreg")
    counts_with: ClassVar[dict[str, str]] = {"noise": "dae", "strength": "dae", "dimensions": "vicreg"}

    batch_size: int = setting(64, "examples a step")
    noise: str = setting("gaussian", "dae: gaussian, masking, salt-and-pepper, downsampling or warping", NOISES)
    strength: float = setting(
        0.5, "dae: how much noise: spreads, or a share of pixels or of the side", bounds={"least": 0, "below": 1}
    )
    dimensions: int = setting(256, "vicreg: numbers that two versions are compared by", bounds={"least": 2})
    augment: str = setting(
        "auto", "random changes; auto: none for dae, crop:0.6+flip+colour:0.4+grey+blur for vicreg", choices=()
    )
    size: int | None = setting(None, "input side in pixels (none: the network's own)", bounds={"least": 8})

    def __post_init__(self) -> None:
        super().__post_init__()
        from transferium.training.augment.augment import check_augment

        check_augment(self.augment)

    def open(self, corpus: Any, columns: Mapping[str, Any]) -> Domain:
        """The pictures, without their labels."""
        return examples_of(corpus, columns, self.kind, self.objectives)

    def pretrain(self, corpus: Domain, asked: tuple[str, ...], start: str | None, spot: Spot) -> Pretrained:
        """Learn from the pictures of ``corpus``; copies lie on one side of what is held out."""
        from transferium.models.catalogue import find_backbone

        backbone = find_backbone(start or "small_cnn", "image", size=self.size)
        train, held, said = divided(corpus, self._held, spot)
        outcome, _, _ = run_stages(self, spot, self._stages(backbone, train, held, asked, spot), self.precision)
        return Pretrained(
            kind=self.kind,
            write=partial(self._write, backbone, outcome.result, held if "dae" in asked else None),
            history=outcome.history,
            counts={"pictures": len(corpus), "train": len(train), "held_out": len(held)},
            beside={"dae of the mean picture": 1.0} if "dae" in asked else {},
            said=said,
        )

    def _write(self, backbone: Backbone, model: Model, held: Domain | None, folder: Path) -> None:
        from transferium.models.sources.picture_folder import write_pictures_encoder

        write_pictures_encoder(backbone, model.backbone.cpu(), folder)
        if held is not None and isinstance(backbone.preprocess, ImagePreprocess):
            write_reconstructions(model, held, backbone.preprocess, self.noise, self.strength, folder / FILE)

    def _stages(
        self, backbone: Backbone, train: Domain, held: Domain, asked: tuple[str, ...], spot: Spot
    ) -> Generator[Stage, None, Model]:
        from torch import nn

        from transferium.models.heads.picture_decoder import PictureDecoder
        from transferium.models.model import Model
        from transferium.models.sources.picture_folder import check_writable_backbone

        body = backbone.build() if backbone.pretrained or backbone.fresh is None else backbone.fresh()
        check_writable_backbone(backbone, body)
        body.requires_grad_(True)
        assert isinstance(backbone.preprocess, ImagePreprocess)
        head: nn.Module = PictureDecoder(backbone.width, backbone.preprocess.size) if "dae" in asked else nn.Identity()
        model = Model(body, head)
        about = {
            "backbone": backbone.fingerprint,
            "objectives": list(asked),
            "preprocessing": backbone.preprocess.fingerprint(),
        }
        lr = 1e-4 if backbone.pretrained else 1e-3
        feeds = self._feeds(backbone, asked, spot.seed)
        yield self._stage(
            model, self._objective(backbone.width, asked), feeds, train, held, seed=spot.seed, lr=lr, about=about
        )
        return model

    def _feeds(self, backbone: Backbone, asked: tuple[str, ...], seed: int) -> Feeds:
        from transferium.training.feeds.feeds import Feeds
        from transferium.training.feeds.two_views import TwoViewFeeds

        if "vicreg" in asked:
            augment = "crop:0.6+flip+colour:0.4+grey+blur" if self.augment == "auto" else self.augment
            return TwoViewFeeds(backbone.preprocess, augment=augment, seed=seed, workers=self.workers)
        augment = "none" if self.augment == "auto" else self.augment
        return Feeds(backbone.preprocess, augment=augment, seed=seed, workers=self.workers)

    def _objective(self, width: int, asked: tuple[str, ...]) -> SelfSupervised:
        from transferium.objectives.self_supervised.base import Together
        from transferium.objectives.self_supervised.denoising import DenoisingAutoEncoder
        from transferium.objectives.self_supervised.vicreg import VICReg

        made: dict[str, SelfSupervised] = {}
        if "dae" in asked:
            made["dae"] = DenoisingAutoEncoder(self.noise, self.strength)
        if "vicreg" in asked:
            made["vicreg"] = VICReg(width, self.dimensions)
        parts = list(made.values())
        return parts[0] if len(parts) == 1 else Together(*parts)
