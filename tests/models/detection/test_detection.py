"""The network of a detector and its head in NumPy, the folded levels of a backbone, and views of a picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from transferium.embedding.embed import Embedder
from transferium.embedding.engines.bound import open_bound
from transferium.errors import BackboneError, InputError
from transferium.functional.boxes.box_mistakes import mistakes
from transferium.functional.sequences.ragged import flat, ragged
from transferium.methods.detection.detector import calibrated
from transferium.models.catalogue import find_backbone
from transferium.models.detection.detection_network import DetectionNetwork
from transferium.models.detection.over_levels import unfolded
from transferium.models.detection.scene_preprocess import ScenePreprocess
from transferium.models.graphs.unbound_graph import UnboundGraph
from transferium.models.heads.detection import DetectionHead
from transferium.models.heads.saved import head_from_saved
from transferium.models.modality import preprocess_from_json
from worlds.scenes import scenes


def _network(classes: int = 2) -> DetectionNetwork:
    torch.manual_seed(0)
    network = DetectionNetwork(12, 5, classes, 32, 2).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return network


def _head(network: DetectionNetwork) -> DetectionHead:
    return DetectionHead({name: tensor.detach().numpy() for name, tensor in network.state_dict().items()})


def test_the_head_answers_as_the_network_does() -> None:
    network, rows = _network(), torch.randn(2, 9, 32)
    network.look(rows)
    head = _head(network.to(memory_format=torch.channels_last))
    with torch.inference_mode():
        theirs = network(rows).numpy()
    assert np.allclose(head.answers(rows[0].numpy()), theirs[0], atol=1e-5)
    again = head_from_saved(head.to_tensors(), head.temperature, head.facts())
    assert again.equals(head) and (head.classes, head.width) == (2, 32)


def test_boxes_are_sure_in_order_and_alike_alone() -> None:
    head, rows = _head(_network()), np.random.default_rng(0).standard_normal((3, 9, 32)).astype(np.float32)
    together = head.outputs(rows)
    assert all((np.diff(one[:, 5]) <= 0).all() for one in together) and len(together[0])
    assert (head.outputs(rows[1:2])[0] == together[1]).all()
    assert (together[0][:, 1:5] >= 0).all() and (together[0][:, 1:5] <= 1).all()


def test_calibrated_scores_are_as_often_right_as_they_say() -> None:
    """Of a world in which the surer half of the boxes of each picture is right."""
    head, rows = _head(_network(1)), np.random.default_rng(0).standard_normal((20, 9, 32)).astype(np.float32)
    before = head.outputs(rows)
    labels = ragged(one[: len(one) // 2, :5] for one in before)
    found, note = calibrated(head, rows, labels)
    after = found.outputs(rows)
    assert "scores calibrated on 20 held-out pictures" in note and not found.equals(head)
    assert all((one[:, :5] == other[:, :5]).all() for one, other in zip(before, after, strict=True))
    right = [kind == "right" for one, label in zip(before, labels, strict=True) for kind in mistakes(label, one)[0]]
    assert abs(flat(after)[:, 5].mean() - np.mean(right)) < 0.01 < abs(flat(before)[:, 5].mean() - np.mean(right))
    again = head_from_saved(found.to_tensors(), found.temperature, found.facts())
    assert (again.outputs(rows[:1])[0] == after[0]).all()


def test_levels_are_folded_without_loss() -> None:
    backbone = find_backbone(None, "scene", size=64)
    module, picture = backbone.build().eval(), torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        fine, coarse = module.body.forward_intermediates(picture, indices=2, intermediates_only=True)
        ours = unfolded(module(picture), module.channels[0])
    assert torch.equal(ours[0], coarse) and torch.equal(ours[1], fine)
    assert isinstance(backbone.graph, UnboundGraph)
    engine = open_bound(backbone, backbone.graph)
    assert engine.run(np.zeros((1, 3, 96, 96), np.float32)).shape == (1, 9, backbone.width)


def test_scenes_are_read_whole_in_a_square() -> None:
    backbone = find_backbone(None, "scene")
    read = backbone.preprocess
    assert isinstance(read, ScenePreprocess) and read.size == 320 and preprocess_from_json(read.to_json()) == read
    with pytest.raises(InputError, match="a multiple of 32 pixels"):
        find_backbone(None, "scene", size=100)
    with pytest.raises(BackboneError, match="small_cnn cannot read scenes"):
        find_backbone("small_cnn", "scene")


def test_a_view_moves_the_picture_as_it_moves_boxes() -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[16:32, 48:64] = 255
    read = find_backbone(None, "scene", size=64).preprocess
    assert isinstance(read, ScenePreprocess)

    def bright(view: ScenePreprocess) -> list[int]:
        rows, columns = np.nonzero(view.read(picture)[0] > 0.9)
        return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]

    assert bright(read) == [48, 16, 64, 32]
    assert bright(read.seen((0, 0, 1, 1), mirrored=True)) == [0, 16, 16, 32]
    assert np.allclose(bright(read.seen((0.5, 0, 1, 0.5), mirrored=False)), [32, 32, 64, 64], atol=1)
    wide = read.seen((-0.5, -0.5, 1.5, 1.5), mirrored=False)
    assert np.allclose(bright(wide), [40, 24, 48, 32], atol=1) and abs(wide.read(picture)[:, 0, 0]).max() < 0.02, (
        "grey outside"
    )


def test_features_of_scenes_have_a_row_for_each_place() -> None:
    seen = Embedder(None)(scenes(2), find_backbone(None, "scene", size=96))[0]
    assert [row.shape for row in seen.features] == [(9, 768)] * 2
