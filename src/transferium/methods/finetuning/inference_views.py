"""How pictures are read once training is over: larger and whole, and beside their mirror images."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from transferium.errors import InputError
from transferium.methods.settings.field import setting
from transferium.models.backbone import Backbone
from transferium.models.catalogue import reading
from transferium.models.preprocess import ImagePreprocess

if TYPE_CHECKING:
    from transferium.methods.finetuning.trained import Trained


@dataclass
class AtTestTime:
    """The settings of how pictures are read once training is over."""

    answer_size: int | None = setting(
        None,
        "side at which whole pictures are read once training is over (none: as in training), somewhat larger to make "
        "up for random crops, which show things larger than they are",
        bounds={"least": 1},
    )
    mirror: bool = setting(
        False,
        "answer by the mean over a picture and its mirror image, in twice the time; not for digits and writing",
    )


def inference_backbone(backbone: Backbone, size: int | None, mirror: bool) -> Backbone:
    """``backbone`` reading the whole centre square of a picture at side ``size``, or as it was (None).

    Random crops show things larger than they are, and nothing else than the crop's part; a trained network therefore
    answers better at a side somewhat larger than that of training (Touvron et al., Fixing the train-test resolution
    discrepancy, NeurIPS 2019). Raises ``InputError`` where the backbone reads no pictures, or reads them its own way.
    """
    if size is None and not mirror:
        return backbone
    asked = f"answer_size={size}" if size is not None else "mirror=True"
    if backbone.kind != "image":
        raise InputError(f"{asked} is for images; {backbone.name} reads {backbone.kind}. Leave it out.")
    if size is None:
        return backbone
    try:
        larger = reading(backbone, size).preprocess
    except InputError as error:
        raise InputError(f"answer_size: {error}") from error
    assert isinstance(larger, ImagePreprocess)
    return replace(backbone, preprocess=replace(larger, resize=size))


def at_inference(trained: Trained, size: int | None, mirror: bool) -> Trained:
    """What was trained, reading pictures in that way; its temperature is found with answers of that kind."""
    backbone = inference_backbone(trained.backbone, size, mirror)
    if backbone is trained.backbone and not mirror:
        return trained
    from transferium.training.feeds.feeds import Feeds

    how = [] if size is None else [f"whole, at side {size}"]
    how += ["beside their mirror images"] if mirror else []
    notes = (*trained.notes, f"epochs were scored as training reads pictures; the model reads them {', '.join(how)}")
    return replace(trained, backbone=backbone, feeds=Feeds(backbone.preprocess), mirror=mirror, notes=notes)
