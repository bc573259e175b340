import pytest
import torch
from torch import nn

from transferium.errors import DataError, InputError
from transferium.training.feeds.feeds import Feeds, Steps
from transferium.training.feeds.order import Order
from transferium.training.loop.view import View
from worlds.toy import RowNet, blobs, row_model


def batches(**domains):
    feeds = {name: Feeds().open(domain, augmented=True) for name, domain in domains.items()}
    return Steps(feeds, {name: Order(len(f), 6, 0) for name, f in feeds.items()})[0].batches


def counted(model):
    calls = []
    model.backbone.register_forward_hook(lambda *_: calls.append(1))
    return calls


@pytest.mark.parametrize(("joint", "passes"), [(True, 1), (False, 2)])
def test_each_pass_is_made_once_however_often_it_is_asked_for(joint, passes):
    model = row_model()
    calls = counted(model)
    view = View(model, batches(source=blobs(20), target=blobs(20, 1)), joint=joint)
    for _ in range(3):
        view.features("source"), view.logits("source"), view.logits("target")
    assert len(calls) == passes


def test_batch_norm_sees_the_union_only_when_joint():
    both = batches(source=blobs(40), target=blobs(40, 1, shift=5))
    model = row_model(batch_norm=True)
    joint = View(model, both, joint=True).features("source")
    alone = View(model, both, joint=False).features("source")
    union = model.backbone(torch.cat([both["source"].inputs[0], both["target"].inputs[0]]))[:6]
    assert torch.allclose(joint, union)
    assert torch.allclose(alone, model.backbone(both["source"].inputs[0]))
    assert not torch.allclose(joint, alone)


@pytest.mark.parametrize("joint", [True, False])
def test_activations_come_from_the_same_pass(joint):
    model = row_model()
    calls = counted(model)
    view = View(model, batches(source=blobs(20), target=blobs(20, 1)), joint=joint, taps=frozenset({"backbone.low.0"}))
    low = view.activation("target", "backbone.low.0")
    expected = model.backbone.low[0](view.inputs("target")[0])
    assert torch.allclose(low, expected)
    assert torch.equal(model.backbone.high(low.relu()), view.features("target"))
    assert len(calls) == 1
    assert not model.backbone.low[0]._forward_hooks


def test_another_look_at_one_stream_keeps_the_passes_of_the_others():
    model = row_model()
    view = View(model, batches(source=blobs(20), target=blobs(20, 1)))
    source = view.features("source")
    calls = counted(model)
    other = view.seen_as("target", (view.inputs("target")[0] + 1,), torch.zeros(6, dtype=torch.long))
    assert other.features("source") is source
    assert not torch.equal(other.features("target"), view.features("target"))
    assert other.labels("target").sum() == 0
    assert len(calls) == 2


def test_labels_of_an_unlabelled_stream_are_not_there_to_be_seen():
    view = View(row_model(), batches(unlabeled=blobs(20).unlabeled()))
    with pytest.raises(DataError, match="stream 'unlabeled' is unlabelled, and an objective asked for its labels"):
        view.labels("unlabeled")


def test_a_stream_or_a_tap_that_is_not_there_is_named():
    view = View(row_model(), batches(target=blobs(20)), taps=frozenset({"backbone.lo"}))
    with pytest.raises(InputError, match=r"no stream 'targe'. Did you mean 'target'"):
        view.features("targe")
    with pytest.raises(InputError, match=r"no module 'backbone.lo' to tap. Did you mean 'backbone.low'"):
        view.features("target")
    with pytest.raises(InputError, match="'head' is not tapped"):
        View(row_model(), batches(target=blobs(20))).activation("target", "head")


def test_pieces_hold_every_row_once():
    batch = batches(target=blobs(20))["target"]
    pieces = list(batch.pieces(4))
    assert [len(p) for p in pieces] == [2, 2, 1, 1]
    assert torch.equal(torch.cat([p.inputs[0] for p in pieces]), batch.inputs[0])
    assert torch.equal(torch.cat([p.labels for p in pieces]), batch.labels)
    assert isinstance(row_model().backbone, RowNet) and isinstance(row_model().head, nn.Linear)
