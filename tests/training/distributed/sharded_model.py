"""Fits alone, or in processes that split the backbone where the environment asks for FSDP."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where the small worlds are

from transferium.embedding.embed import Embedder
from transferium.errors import InputError
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.finetuning.gradual import GradualUnfreeze
from transferium.methods.finetuning.lp_ft import LPFT
from transferium.methods.peft.low_rank_tuning import LoRA
from transferium.methods.regularised.l2_sp import L2SPTuning
from transferium.methods.task import Task
from transferium.models.sources.wrapped import wrap_module
from transferium.system.processes import everyone
from transferium.training.distributed.machine import Machine, seed_everything
from transferium.training.loop.episode import Episode
from worlds.toy import PICTURE, PictureNet, pictures

SHORT: dict[str, Any] = {"epochs": 2, "batch_size": 8, "augment": "none", "precision": "no", "cache": "off"}
FITS = {
    "finetune": FineTune(**SHORT, clip=0.05, accumulate=2),
    "lp-ft": LPFT(**SHORT, lr=1e-3, unfreeze=2),
    "ema": FineTune(**SHORT, average="ema", optimiser="sgd"),
    "gradual": GradualUnfreeze(**SHORT, lr=0.01),
    "lora": LoRA(**SHORT, rank=2),
}
REFUSED = {
    "l2-sp": L2SPTuning(**SHORT),
    "lion": FineTune(**SHORT, optimiser="lion"),
    "cache": FineTune(**SHORT | {"unfreeze": 1, "cache": "on"}),
    "compile": FineTune(**SHORT, compile=True),
    "fp16": FineTune(**SHORT | {"precision": "fp16"}),
}


class StoppedError(Exception):
    """The end of a run that will be taken up again."""


def task(**change: Any) -> Task:
    """41 pictures: the last batch has fewer rows than processes and passes. Nothing random happens in the network."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    net = PictureNet()
    net.body[3] = nn.Identity()
    backbone = replace(wrap_module(net, "image", PICTURE), blocks=("stem", "body", "top"))
    return Task(pictures(46), None, backbone, Embedder(None, engine="torch"), 0, **change)


def fitted(name: str, **change: Any) -> dict[str, Any]:
    """What a method leaves, as tensors and numbers."""
    found = FITS[name].fit(task(**change))
    weights = found.backbone.build().state_dict()
    head = {"weight": torch.from_numpy(found.head.weight), "bias": torch.from_numpy(found.head.bias)}
    return {"weights": weights | head, "history": found.history, "fingerprint": found.backbone.fingerprint}


def resumed(folder: Path) -> dict[str, Any]:
    """As :func:`fitted`, of a run that ended at its seventh step and was taken up again."""

    def stop(_stage: str, step: int, _total: int) -> None:
        if step == 7:
            raise StoppedError

    try:
        fitted("ema", workdir=folder, checkpoint_steps=3, progress=stop)
    except StoppedError:
        return fitted("ema", workdir=folder)
    raise AssertionError("nothing was interrupted")


def parts() -> dict[str, int]:
    """Numbers that this process holds of the backbone's weights, gradients and moments, and that there are."""
    seed_everything(0)
    episode = Episode(next(FITS["finetune"].stages(task())), Machine("no"))
    moving = [p for p in episode.stage.model.backbone.parameters() if p.requires_grad]
    episode.take_step(episode.slices[0])
    moments = [episode.optimisers[0].state[p]["exp_avg"] for p in moving]
    held = {"weights": moving, "gradients": [p.grad for p in moving], "moments": moments}
    return {name: sum(t.to_local().numel() for t in tensors) for name, tensors in held.items()} | {
        "all": sum(p.numel() for p in moving)
    }


def refusals() -> dict[str, str]:
    """What a method that cannot work on a split backbone says."""
    said = {}
    for name, method in REFUSED.items():
        try:
            method.fit(task())
        except InputError as error:
            said[name] = str(error)
    return said


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    everyone(None)
    found: dict[str, Any] = {name: fitted(name) for name in FITS}
    found |= {"resumed": resumed(folder / "state"), "parts": parts(), "refused": refusals()}
    torch.save(found, folder / f"rank{Machine('no').rank}.pt")
    torch.distributed.destroy_process_group()
