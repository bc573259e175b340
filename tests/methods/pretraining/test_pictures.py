"""Pretraining on pictures: it learns, it goes on bit for bit, and its encoder is read again."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from transferium.data.domain import Domain
from transferium.data.read import read
from transferium.data.samples import Items
from transferium.errors import BackboneError, DataError, TransferiumWarning
from transferium.methods.pretraining.by_objective import find_pretraining, objectives_of
from transferium.methods.pretraining.pretraining import Pretrained, Spot
from transferium.models.catalogue import find_backbone
from transferium.models.preprocess import ImagePreprocess
from transferium.models.sources.transformers_models import vision_preprocess, write_vision_preprocess
from transferium.training.wrappers.held_out_terms import AT_ONCE


def corpus(n: int = 30) -> Domain:
    """Pictures of a bright square somewhere."""
    draw = np.random.default_rng(0)
    pictures = np.zeros((n, 28, 28, 3), np.uint8)
    for picture in pictures:
        x, y = draw.integers(2, 16, 2)
        picture[y : y + 10, x : x + 10] = 200 + draw.integers(0, 50)
    return Domain(Items(list(pictures)), "image", [str(i) for i in range(n)])


class StoppedError(Exception):
    pass


def learned(
    folder: Path,
    objective: str,
    stop: int = 0,
    data: Domain | None = None,
    start: str | None = None,
    **settings: object,
) -> Pretrained:
    def progress(what: str, done: int, _total: int) -> None:
        if what == "pretrain" and done == stop:
            raise StoppedError

    asked = objectives_of(objective)
    small = {"epochs": 2, "batch_size": 8, "held_share": 0.2}
    small |= {"size": 24, "layers": 1, "width": 16, "heads": 2} if objective == "mim" else {"dimensions": 16}
    method = find_pretraining(asked, small | settings)
    return method.pretrain(
        corpus() if data is None else data, asked, start, Spot(folder, 0, progress, checkpoint_steps=1)
    )


def written(done: Pretrained, folder: Path) -> Path:
    folder.mkdir()
    done.write(folder)
    return folder


@pytest.mark.parametrize("objective", ["dae,vicreg", "mim"])
def test_what_was_interrupted_ends_bit_for_bit_as_if_it_had_not_been(tmp_path: Path, objective: str) -> None:
    whole = learned(tmp_path / "whole", objective, data=corpus(20))
    with pytest.raises(StoppedError):
        learned(tmp_path / "cut", objective, stop=3, data=corpus(20))
    cut = learned(tmp_path / "cut", objective, data=corpus(20))
    assert cut.history == whole.history and len(whole.history) == 4
    files = [written(done, tmp_path / name) / "model.safetensors" for done, name in ((whole, "a"), (cut, "b"))]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_held_out_picture_is_never_alone(tmp_path: Path) -> None:
    done = learned(tmp_path / "state", "vicreg", data=corpus(60), held_share=0.55, epochs=1)
    assert done.counts["held_out"] == AT_ONCE + 1
    assert np.isfinite(list(done.held.values())).all()


def test_an_auto_encoder_learns_to_draw(tmp_path: Path) -> None:
    done = learned(tmp_path / "state", "dae", epochs=8, lr=3e-3)
    assert done.held["dae"] < 0.9 < done.beside["dae of the mean picture"]


def test_the_encoder_is_read_again_with_its_weights(tmp_path: Path) -> None:
    folder = written(learned(tmp_path / "state", "dae"), tmp_path / "encoder")
    backbone = find_backbone(folder, "image")
    assert backbone.pretrained and backbone.preprocess == find_backbone("small_cnn", "image").preprocess
    again = find_backbone(
        written(learned(tmp_path / "s2", "dae", start=str(folder), epochs=1, lr=1e-30), tmp_path / "b"), "image"
    )
    for name, tensor in backbone.build().state_dict().items():
        if "running" not in name and "num_batches" not in name:
            torch.testing.assert_close(again.build().state_dict()[name], tensor)
    assert backbone.fingerprint != find_backbone("small_cnn", "image").fingerprint
    assert (folder / "reconstructions.png").stat().st_size > 1000


def test_a_network_of_timm_is_written_as_timm_reads_it(tmp_path: Path) -> None:
    folder = tmp_path / "start"
    folder.mkdir()
    timm = pytest.importorskip("timm")
    from safetensors.torch import save_file

    made = timm.create_model("test_efficientnet", num_classes=0)
    save_file(made.state_dict(), folder / "model.safetensors")
    (folder / "config.json").write_text(
        '{"architecture": "test_efficientnet", "num_classes": 0, '
        '"pretrained_cfg": {"num_classes": 0, "input_size": [3, 32, 32]}}'
    )
    encoder = written(learned(tmp_path / "state", "vicreg", start=str(folder), epochs=1), tmp_path / "encoder")
    backbone = find_backbone(encoder, "image")
    assert backbone.preprocess.size == 32
    loaded = timm.create_model("test_efficientnet", num_classes=0)
    from safetensors.torch import load_file

    loaded.load_state_dict(load_file(encoder / "model.safetensors"))


def test_what_is_no_picture_or_too_few_is_refused(tmp_path: Path) -> None:
    method = find_pretraining(("dae",), {})
    with pytest.raises(DataError, match="dae and vicreg learn from pictures, and 'data' holds texts"):
        method.open(read(["a", "b"]), {})
    with pytest.raises(DataError, match="has 1 different pictures, and 4 or more"):
        learned(tmp_path, "dae", data=corpus(1).take([0, 0, 0, 0, 0, 0]))
    with pytest.raises(BackboneError, match="there is no backbone 'nowhere'"):
        learned(tmp_path, "dae", start="nowhere")


def test_of_a_divided_data_set_the_train_part_is_learned_from_and_that_is_said() -> None:
    divided = replace(corpus(5), parts=np.array(["train", "test", "train", "val", "train"]))
    with pytest.warns(TransferiumWarning, match="came divided: of its pictures 2 are left out"):
        assert find_pretraining(("dae",), {}).open(divided, {}).ids == ["0", "2", "4"]


def test_unreadable_pictures_are_left_out_and_said(tmp_path: Path) -> None:
    good = corpus(12)
    damaged = Domain(
        Items([*(good.samples.raw(i) for i in range(12)), b"no picture"]), "image", [str(i) for i in range(13)]
    )
    done = learned(tmp_path, "dae", data=damaged, epochs=1)
    assert done.said == ("1 of 13 pictures cannot be read: left out",)
    assert done.counts["train"] + done.counts["held_out"] == 12


def test_a_vision_transformer_is_a_backbone_and_goes_on(tmp_path: Path) -> None:
    done = learned(tmp_path / "state", "mim", epochs=5, lr=3e-3)
    by_epoch = [row["val_mim"] for row in done.history if "val_mim" in row]
    assert by_epoch[-1] < by_epoch[0] - 0.5
    folder = written(done, tmp_path / "encoder")
    backbone = find_backbone(folder, "image")
    assert (backbone.width, backbone.preprocess.size) == (16, 24)
    again = written(learned(tmp_path / "s2", "mim", start=str(folder), epochs=1, lr=1e-30), tmp_path / "b")
    x = torch.rand(2, 3, 24, 24)
    with torch.no_grad():
        torch.testing.assert_close(find_backbone(again, "image").build()(x), backbone.build()(x))


@pytest.mark.parametrize(("resize", "interpolation", "crop"), [(24, "bilinear", "squash"), (27, "bicubic", "center")])
def test_what_came_out_reads_pictures_as_where_it_started(
    tmp_path: Path, resize: int, interpolation: str, crop: Literal["center", "squash"]
) -> None:
    folder = written(learned(tmp_path / "state", "mim", epochs=1), tmp_path / "encoder")
    reads = ImagePreprocess(24, resize, interpolation, (0.4, 0.5, 0.6), (0.2, 0.3, 0.4), 2 * resize, crop=crop)
    write_vision_preprocess(reads, folder)
    assert vision_preprocess(folder) == reads
    again = written(learned(tmp_path / "s2", "mim", start=str(folder), epochs=1), tmp_path / "b")
    assert vision_preprocess(again) == reads
