"""Running statistics of batch norm for weights that no step has seen, such as an average."""

from __future__ import annotations

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from transferium.training.loop.episode import Episode
from transferium.training.loop.predict import evaluating
from transferium.training.loop.view import View


@torch.no_grad()
def refresh_statistics(episode: Episode) -> bool:
    """Take the statistics anew, as the plain mean over the batches of the epoch that just ended.

    Only batch norms whose statistics move in this stage are touched. Everything else is in eval mode meanwhile, so that
    nothing random is drawn; modes are left as they were. Returns whether there was anything to do.
    """
    model, moving = episode.stage.model, set(episode.moving)
    layers = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.track_running_stats and m in moving]
    if not layers:
        return False
    momenta = [m.momentum for m in layers]
    with evaluating(model):
        for layer in layers:
            layer.training, layer.momentum = True, None
            layer.reset_running_stats()
        for step in range((episode.step - 1) // episode.steps_per_epoch * episode.steps_per_epoch, episode.step):
            _look(episode, step)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    episode.machine.average([b for m in layers for b in m.buffers(recurse=False) if b.is_floating_point()])
    return True


def _look(episode: Episode, step: int) -> None:
    batches = {name: batch.to(episode.machine.device) for name, batch in episode.slices[step].batches.items()}
    view = View(episode.stage.model, batches, joint=episode.stage.joint)
    with episode.machine.autocast():
        for name in episode.stage.needs:
            view.features(name)
