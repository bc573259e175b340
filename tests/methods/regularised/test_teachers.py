"""What a network was before training, kept beside it: its feature maps, its features, its answers."""

import numpy as np
import pytest
import torch
from torch import nn

from transferium.functional.losses.feature_maps import attention_from
from transferium.models.model import Model
from transferium.objectives.distillation import Distillation, FeatureDistillation
from transferium.objectives.feature_maps import FeatureMapDistillation
from transferium.objectives.supervised import Supervised
from transferium.training.distributed.machine import Machine
from transferium.training.feeds.batch import Batch
from transferium.training.feeds.feeds import Feeds
from transferium.training.loop.episode import Episode, train
from transferium.training.loop.stage import Stage
from transferium.training.loop.view import View
from worlds.toy import blobs, row_model, same, weights


def kept(model):
    torch.manual_seed(2)
    return [
        FeatureMapDistillation(model, ("low", "high")),
        FeatureDistillation(model, scale=0.5),
        Distillation(model, nn.Linear(16, 3)),
    ]


@pytest.mark.parametrize("number", [0, 1, 2], ids=["maps", "features", "answers"])
def test_a_teacher_never_learns_and_is_asked_once_a_step(number):
    torch.set_num_threads(1)
    model = row_model(batch_norm=True, dropout=0.3)
    start, objective = weights(model.backbone), kept(model)[number]
    teacher, passes = objective.teacher.model, []
    teacher.backbone.register_forward_hook(lambda *_: passes.append(teacher.backbone.training))
    stage = Stage(model, {"target": blobs(24)}, Supervised() + objective, epochs=2, batch_size=8, lr=0.01)
    for _ in train(Episode(stage, Machine(cpu=True))):
        assert not any(m.training for m in teacher.modules()) and model.backbone.training
    assert passes == [False] * 6
    assert same(weights(teacher.backbone), start) and not same(weights(model.backbone), start)
    assert not any(p.requires_grad or p.grad is not None for p in teacher.parameters())
    own = {"head.weight", "head.bias"} if number == 2 else set()
    assert set(objective.state_dict()) == {name for name, _ in objective.named_parameters()} == own


def test_only_channel_weights_are_written_into_checkpoints():
    model = row_model()
    objective = FeatureMapDistillation(model, ("low",), [attention_from(torch.arange(16.0))])
    assert {name: t.shape for name, t in objective.state_dict().items()} == {"attention0": (16,)}


@pytest.mark.parametrize("number", [0, 1, 2], ids=["maps", "features", "answers"])
def test_the_parts_of_a_batch_average_to_the_whole(number):
    """What several processes, or passes that share a step, rely on."""
    model = row_model()
    objective = kept(model)[number]
    with torch.no_grad():
        model.backbone.low[0].weight.add_(0.1)
    batch = Feeds().open(blobs(9), augmented=False).batch(0, np.arange(9))

    def term(rows):
        part = Batch((batch.inputs[0][rows],), None, batch.index[rows])
        return sum(objective(View(model, {"target": part}, taps=objective.taps)).values()).item()

    assert term(slice(0, 9)) == pytest.approx(4 / 9 * term(slice(0, 4)) + 5 / 9 * term(slice(4, 9)), rel=1e-5)
    assert term(slice(0, 9)) > 0


class Words(nn.Module):
    """Tokens to vectors to their masked mean."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(10, 3)

    def forward(self, ids, mask):
        return (self.table(ids) * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)


def test_padding_does_not_count():
    torch.manual_seed(0)
    model = Model(Words(), nn.Linear(3, 2))
    objective = FeatureMapDistillation(model, ("table",))
    with torch.no_grad():
        model.backbone.table.weight.add_(torch.arange(10.0)[:, None])
    terms = []
    for padding in (1, 9):
        ids = torch.tensor([[2, 4, padding, padding], [3, 3, 3, padding]])
        batch = Batch((ids, torch.tensor([[1, 1, 0, 0], [1, 1, 1, 0]])), None, torch.arange(2))
        terms.append(objective(View(model, {"target": batch}, taps=objective.taps))["delta"].item())
    assert terms == pytest.approx([0.5 * 3 * np.mean([(4 + 16) / 2, 9])] * 2, rel=1e-5)
