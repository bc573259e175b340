"""An episode as tensors and plain data, and back: what exact resumption needs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from transferium.training.distributed.machine import random_state, restore_random_state
from transferium.training.distributed.sharding import as_there, gathered
from transferium.training.loop.episode import Episode
from transferium.training.resume.checkpoint import Saved
from transferium.training.wrappers.weight_average import placed


def save_episode(episode: Episode, *, finished: bool = False) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Everything that changes while a stage trains; of a ``finished`` one, not its optimisers."""
    episode.guard.settle()
    tensors = weights_of(episode)
    facts: dict[str, Any] = {"about": describe(episode), "step": episode.step, "finished": finished, "wrappers": {}}
    for wrapper in episode.stage.around:
        memory, plain = wrapper.memory()
        tensors |= {f"wrapper {wrapper.name}/{name}": t for name, t in memory.items()}
        facts["wrappers"][wrapper.name] = plain
    if not finished:
        for i, optimiser in enumerate(episode.optimisers):
            tensors |= {f"optimiser{i}/{name}": t for name, t in _optimiser_tensors(optimiser).items()}
        facts["random"] = episode.machine.everyone(random_state())
        if episode.machine.scaler is not None:
            facts["scaler"] = episode.machine.scaler.state_dict()
    return gathered(tensors), facts


def weights_of(episode: Episode) -> dict[str, Tensor]:
    """Every tensor of the model and of the objectives, copied and whole; every process must call this."""
    modules = enumerate(episode.stage.modules)
    return gathered({f"module{i}/{n}": t.clone() for i, module in modules for n, t in module.state_dict().items()})


def load_episode(episode: Episode, saved: Saved) -> None:
    """Put an episode back where :func:`save_episode` found it."""
    for i, module in enumerate(episode.stage.modules):
        module.load_state_dict(placed(saved.under(f"module{i}"), module))
    for wrapper in episode.stage.around:
        wrapper.recall(saved.under(f"wrapper {wrapper.name}"), saved.facts["wrappers"][wrapper.name])
    episode.step = saved.facts["step"]
    episode.guard.remember()
    if saved.facts["finished"]:
        return
    for i, optimiser in enumerate(episode.optimisers):
        _restore_optimiser(optimiser, saved.under(f"optimiser{i}"))
    restore_random_state(saved.facts["random"][episode.machine.rank])
    if episode.machine.scaler is not None:
        episode.machine.scaler.load_state_dict(saved.facts["scaler"])


def describe(episode: Episode) -> dict[str, Any]:
    """The stage, and the machine as far as it changes the result."""
    machine, facts = episode.machine, episode.stage.describe()
    if episode.number:
        facts["seed"] = f"{episode.stage.seed} and stage {episode.number}"
    return facts | {
        "processes": machine.world,
        "precision": str(machine.accelerator.mixed_precision),
        "device": machine.device.type,
        **({} if machine.split is None else {"split": "FSDP"}),
    }


def _parameters(optimiser: Any) -> list[torch.nn.Parameter]:
    return [p for group in optimiser.param_groups for p in group["params"]]


def _optimiser_tensors(optimiser: Any) -> dict[str, Tensor]:
    return {
        f"{i}/{key}": value
        for i, parameter in enumerate(_parameters(optimiser))
        for key, value in optimiser.state.get(parameter, {}).items()
        if isinstance(value, Tensor)
    }


def _restore_optimiser(optimiser: Any, tensors: dict[str, Tensor]) -> None:
    parameters = _parameters(optimiser)
    on_device = {p for g in optimiser.param_groups if g.get("fused") or g.get("capturable") for p in g["params"]}
    for name, value in tensors.items():
        number, _, key = name.partition("/")
        parameter = parameters[int(number)]
        if key == "step":
            # As in torch's load_state_dict: fused and capturable kernels read it beside the parameter, others here.
            optimiser.state[parameter][key] = value.to(parameter.device if parameter in on_device else "cpu", copy=True)
            continue
        # Like the parameter in memory layout too, as the optimiser makes it: kernels must take the same path.
        like = torch.zeros_like(parameter) if value.shape == parameter.shape else torch.zeros_like(value)
        optimiser.state[parameter][key] = as_there(value, like.to(value.dtype))
