import math

import pytest

from transferium.objectives.supervised import Supervised
from transferium.training.distributed.machine import Machine
from transferium.training.loop.episode import Episode
from transferium.training.loop.stage import Stage
from transferium.training.run import run
from transferium.training.wrappers.keep_best import KeepBest, held_out_score
from worlds.toy import blobs, row_model, same, weights


def trained(scores, **options):
    """Train with scores that are given; returns the model, its weights after each look, and the history."""
    model, seen, given = row_model(), [], iter(scores)

    def score(episode):
        seen.append(weights(episode.stage.model))
        return {"x": next(given)}

    best = KeepBest(score, by="x", **options)

    def stages():
        yield Stage(model, {"target": blobs(20)}, Supervised(), epochs=len(scores) - int(best.start), batch_size=10,
                    around=[best])  # fmt: skip

    return model, seen, run(stages()).history, best


@pytest.mark.parametrize(
    ("scores", "options", "kept"),
    [
        ([3.0, 1.0, 2.0], {}, 1),
        ([3.0, 1.0, 2.0], {"lowest": False}, 0),
        ([3.0, 2.0, 1.0], {}, 2),
        ([1.0, 1.0, 1.0], {}, 0),
        ([math.nan, 2.0, math.nan], {}, 1),
        ([math.nan, math.nan, math.nan], {}, 0),
        ([0.5, 1.0, 2.0], {"start": True}, 0),
        ([2.0, 1.0, 2.0], {"start": True}, 1),
    ],
)
def test_the_model_ends_as_it_was_when_it_scored_best(scores, options, kept):
    model, seen, history, best = trained(scores, **options)
    assert len(seen) == 3
    assert same(weights(model), seen[kept])
    assert best.epoch == kept - int(best.start)
    looks = [r["val_x"] for r in history if "val_x" in r]
    expected = scores[1:] if best.start else scores
    assert [str(v) for v in looks] == [str(v) for v in expected]
    assert best.at_start == ({"x": scores[0]} if best.start else {})


def test_patience_ends_the_stage():
    model, seen, history, _ = trained([5.0, 4.0, 6.0, 7.0, 1.0], patience=2)
    assert len(seen) == 4 and history[-1]["epoch"] == 3
    assert same(weights(model), seen[1])


def test_a_held_out_score_is_the_log_loss_and_the_accuracy():
    import numpy as np
    import torch
    from torch import nn

    model, held = row_model(dropout=0.5), blobs(33, 5)
    episode = Episode(Stage(model, {"target": blobs(20)}, Supervised(), epochs=1), Machine())
    model.train()
    score = held_out_score(held)(episode)
    assert model.backbone.high[0].training, "modes are left as they were"
    logits = model.eval()(torch.from_numpy(held.features))
    assert score["log_loss"] == pytest.approx(
        nn.functional.cross_entropy(logits, torch.from_numpy(held.y)).item(), 1e-5
    )
    assert score["accuracy"] == np.mean(logits.argmax(1).numpy() == held.y)
