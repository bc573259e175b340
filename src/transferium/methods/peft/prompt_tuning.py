"""Prompt, prefix and visual prompt tuning as methods of fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from transferium.errors import InputError
from transferium.methods.peft.adapter_tuning import AdapterTuning
from transferium.methods.settings.checks import RATE
from transferium.methods.settings.field import setting
from transferium.models.preprocess import TextPreprocess
from transferium.problems.catalogue import OF_EXAMPLES

if TYPE_CHECKING:
    from transferium.methods.holdout import HeldOut
    from transferium.methods.task import Task
    from transferium.models.backbone import Backbone
    from transferium.models.model import Model


@dataclass
class PromptTuning(AdapterTuning):
    """Fine-tune learned embeddings that a text encoder reads before the words of every text.

    ``f([P; E(x)])`` with ``P (tokens, width)``, which starts as the embeddings of words drawn at random; the features
    are pooled over the text's own tokens. The smallest of all adapters, and slow to learn: prefer ``prefix`` or
    ``lora`` unless the encoder is large. Lester et al., "The power of scale for parameter-efficient prompt tuning"
    (2021).
    """

    name: ClassVar[str] = "prompt"
    of_adapter: ClassVar[tuple[str, ...]] = ("tokens",)

    lr: float | str = setting(1e-2, "peak learning rate of the prompt, or auto", (1e-4, 1.0), RATE)
    weight_decay: float = setting(0.0, "pull of what is new towards zero", (0.0, 0.3))
    tokens: int = setting(16, "tokens of the prompt", (4, 100))

    def _model(self, task: Task, backbone: Backbone, parts: HeldOut) -> Model:
        from transferium.models.peft.prompts import room_beside

        model = super()._model(task, backbone, parts)
        room, reads = room_beside(model.backbone), backbone.preprocess
        if room is not None and isinstance(reads, TextPreprocess) and reads.max_length > room:
            raise InputError(
                f"a prompt of {self.tokens} tokens leaves this backbone room for {room} of a text, and texts of up to "
                f"{reads.max_length} are read: set max_length={room}, or use prefix."
            )
        return model


@dataclass
class PrefixTuning(AdapterTuning):
    """Fine-tune learned keys and values that every attention layer of a text encoder reads.

    ``softmax(q [P_k; K]ᵀ / √d) [P_v; V]`` with ``P_k, P_v (tokens, width)`` in each layer. For encoders of transformers
    that look attention up by name. Prefer it to ``prompt`` where the encoder is small; ``lora`` costs nothing
    when it is used, and this does. Li and Liang, "Prefix-tuning: optimizing continuous prompts for generation" (2021).
    """

    name: ClassVar[str] = "prefix"
    of_adapter: ClassVar[tuple[str, ...]] = ("tokens",)

    lr: float | str = setting(1e-2, "peak learning rate of the prefix, or auto", (1e-4, 1.0), RATE)
    weight_decay: float = setting(0.0, "pull of what is new towards zero", (0.0, 0.3))
    tokens: int = setting(16, "keys and values of each layer", (4, 100))


@dataclass
class VisualPromptTuning(AdapterTuning):
    """Fine-tune learned tokens that a vision transformer reads beside the patches of every picture.

    ``deep``: new ones in each block, in the place of the last block's; else at the input alone. The features are pooled
    without them. Plain vision transformers of timm and transformers. Prefer it to ``lora`` with few labels and a large
    network; it makes each picture cost a little more when it is used. Jia et al., "Visual prompt tuning" (2022).
    """

    name: ClassVar[str] = "vpt"
    problems: ClassVar[tuple[str, ...]] = OF_EXAMPLES
    of_adapter: ClassVar[tuple[str, ...]] = ("tokens", "deep")

    lr: float | str = setting(1e-2, "peak learning rate of the prompts, or auto", (1e-4, 1.0), RATE)
    weight_decay: float = setting(0.0, "pull of what is new towards zero", (0.0, 0.3))
    tokens: int = setting(8, "tokens of each prompt", (1, 100))
    deep: bool = setting(True, "new tokens in each block; no: at the input alone", (False, True))
