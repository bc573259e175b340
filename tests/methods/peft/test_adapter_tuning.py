"""Methods that train an adapter: what they say, what they refuse."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from transferium.embedding.embed import Embedder
from transferium.errors import InputError
from transferium.methods.catalogue import find_method
from transferium.methods.peft.low_rank_tuning import LoRA
from transferium.methods.peft.prompt_tuning import PromptTuning
from transferium.methods.task import Task
from worlds.adapted import bert_backbone
from worlds.bert import sayings
from worlds.toy import picture_backbone, pictures

SHORT: dict[str, Any] = {"epochs": 1, "batch_size": 8}


def task(backbone: Any = None, domain: Any = None) -> Task:
    torch.set_num_threads(1)
    return Task(domain or pictures(24), None, backbone or picture_backbone(), Embedder(None, engine="torch"), 0)


def test_the_parameters_that_were_trained_are_counted_and_said() -> None:
    fitted = LoRA(rank=2, targets="top", **SHORT).fit(task())
    whole = picture_backbone().build()
    moving = 2 * 8 + 5 * 2 + (5 * 2 + 2)
    total = sum(p.numel() for p in whole.parameters()) + moving
    assert fitted.selection.chosen["trainable_parameters"] == moving
    assert fitted.selection.chosen["parameters"] == total
    share = f"{100 * moving / total:.2g} %"
    expected = f"{moving:,} of {total:,} parameters were trained ({share}): the head, and lora in 1 places"
    assert expected in fitted.selection.notes


@pytest.mark.parametrize("name", ["lora", "dora", "ia3", "bitfit", "adapter", "prefix", "prompt", "vpt"])
def test_what_would_change_the_backbone_itself_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="unfreeze"):
        find_method(name, {"unfreeze": 2})
    for setting in ({"hidden": "8"}, {"mirror": True}):
        with pytest.raises(InputError, match=f"{next(iter(setting))}=.* makes another backbone, and {name} keeps"):
            find_method(name, setting)
    with pytest.raises(InputError, match=f"{name} adapts a backbone, and feature rows have none: use the probe"):
        find_method(name, {}).check_backbone(_rows())


def _rows() -> Any:
    from transferium.models.catalogue import find_backbone

    return find_backbone(None, "features")


def test_targets_that_match_nothing_stop_before_training() -> None:
    with pytest.raises(InputError, match=r"targets='topp' matches no layer .*Did you mean 'top'"):
        LoRA(targets="topp", **SHORT).fit(task())


def test_a_prompt_longer_than_what_the_encoder_has_room_for_is_refused() -> None:
    given = task(bert_backbone(), sayings(24, 0, "a"))
    PromptTuning(tokens=20, **SHORT).fit(given)
    with pytest.raises(InputError, match=r"a prompt of 30 tokens leaves .* room for 10 of a text.*max_length=10"):
        PromptTuning(tokens=30, **SHORT).fit(given)
