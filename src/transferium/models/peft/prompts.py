"""Prompt, prefix and visual prompt tuning: learned tokens that a frozen transformer reads beside the given ones."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (its usual name)

from transferium.errors import InputError
from transferium.models.peft.graft import NAME, Part, graft, part_of
from transferium.models.peft.layers import TransformerBlock, transformer_blocks
from transferium.models.sources.encoders import TextEncoder
from transferium.models.sources.transformers_models import text_positions

_STD = 0.02
PREFIXED = "transferium_prefix"
"""What transformers knows attention with a prefix by."""


class SoftPrompt(Part):
    """Learned embeddings ``(tokens, width)`` before those of a text; what is pooled are the text's own tokens."""

    def __init__(self, start: Tensor) -> None:
        super().__init__()
        self.prompt = nn.Parameter(start.clone())

    def answer(self, plain: Callable[..., Any], layer: Any, *inputs: Any, **named: Any) -> Any:
        ids, mask, *_ = (*inputs, named.get("mask"))
        mask = torch.ones_like(ids) if mask is None else mask
        words = layer.model.get_input_embeddings()(ids)
        more = self.prompt.to(words.dtype).expand(ids.shape[0], -1, -1)
        seen = torch.cat([mask.new_ones(ids.shape[0], len(self.prompt)), mask], dim=1)
        output = layer.model(inputs_embeds=torch.cat([more, words], dim=1), attention_mask=seen)
        output.last_hidden_state = output.last_hidden_state[:, len(self.prompt) :]
        return layer.pooled(output, mask)


@dataclass(frozen=True)
class PromptTuning:
    """``tokens`` learned embeddings before the words of a text, which start as those of words drawn at random.

    Lester et al., The power of scale for parameter-efficient prompt tuning, EMNLP 2021.
    """

    tokens: int = 16

    def inject(self, module: nn.Module) -> list[str]:
        """Put them before the encoder's own; ``InputError`` where it is no text encoder of transformers."""
        model = _encoder(module, "a prompt")
        if getattr(module, "pooling", "") == "pooler":
            raise InputError("a prompt comes first, where this backbone's pooler reads: use prefix.")
        table = model.get_input_embeddings().weight.detach()
        graft(module, SoftPrompt(table[torch.randint(len(table), (self.tokens,))]))
        return [""]


def room_beside(module: nn.Module) -> int | None:
    """The tokens that a text may have in an encoder that holds a :class:`SoftPrompt`; None: no limit."""
    most = text_positions(_encoder(module, "a prompt").config.to_dict())
    return None if most is None else most - len(part_of(module).get_parameter("prompt"))


class Prefix(Part):
    """Learned keys and values ``(tokens, width)`` that attention reads before those of the given tokens."""

    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.keys = nn.Parameter(_STD * torch.randn(tokens, width))
        self.values = nn.Parameter(_STD * torch.randn(tokens, width))

    def enter(self, layer: Any) -> None:
        """Attention is looked up by the configuration that a layer holds: from now on this layer has its own."""
        self.given = layer.config
        layer.config = copy.copy(layer.config)
        layer.config._attn_implementation = PREFIXED

    def leave(self, layer: Any) -> None:
        layer.config = self.given


def attend_with_prefix(
    layer: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **options: Any
) -> tuple[Tensor, None]:
    """``softmax(q [P_k; k]ᵀ) [P_v; v]``, as transformers calls attention: ``(n, heads, t, width of a head)`` each."""
    part: Any = layer.get_submodule(NAME)
    n, heads, _, size = key.shape
    first = (p.view(1, -1, heads, size).transpose(1, 2).expand(n, -1, -1, -1) for p in (part.keys, part.values))
    key, value = (torch.cat([p.to(x.dtype), x], dim=2) for p, x in zip(first, (key, value), strict=True))
    if attention_mask is not None:
        free = torch.ones if attention_mask.dtype == torch.bool else torch.zeros
        shape = (*attention_mask.shape[:-1], len(part.keys))
        seen = free(shape, dtype=attention_mask.dtype, device=attention_mask.device)
        attention_mask = torch.cat([seen, attention_mask], dim=-1)
    answer = F.scaled_dot_product_attention(
        query, key, value, attention_mask, options.get("dropout", 0.0), scale=options.get("scaling")
    )
    return answer.transpose(1, 2).contiguous(), None


@dataclass(frozen=True)
class PrefixTuning:
    """``tokens`` learned keys and values in every layer of a transformers encoder.

    Li and Liang, Prefix-tuning: optimizing continuous prompts for generation, ACL 2021.
    """

    tokens: int = 16

    def inject(self, module: nn.Module) -> list[str]:
        """The names of the attention modules; ``InputError`` where attention cannot be looked up by name."""
        _encoder(module, "a prefix")
        blocks = transformer_blocks(module, "a prefix")
        for block in blocks:
            attention = module.get_submodule(block.attention)
            if not _looks_up(attention):
                raise InputError(
                    f"a prefix goes into attention that transformers looks up by name, and {type(attention).__name__} "
                    "is not of that kind: use prompt or lora."
                )
        _register()
        for block in blocks:
            width = module.get_submodule(block.keys).out_features
            assert isinstance(width, int)
            part = Prefix(self.tokens, width // 3 if block.fused else width)
            graft(module.get_submodule(block.attention), part)
        return [block.attention for block in blocks]


class VisualPrompt(Part):
    """Learned tokens ``(tokens, width)`` that join the patches before a block, and leave them after the last one."""

    def __init__(self, tokens: int, width: int, *, replaces: bool, last: bool) -> None:
        super().__init__()
        self.replaces, self.last, self.tokens = replaces, last, tokens
        self.prompt = nn.Parameter(_STD * torch.randn(tokens, width)) if width else None

    def answer(self, plain: Callable[..., Any], layer: nn.Module, *inputs: Any, **named: Any) -> Any:
        x, *others = inputs
        if self.prompt is not None:
            kept = x[:, : -self.tokens] if self.replaces else x
            x = torch.cat([kept, self.prompt.to(x.dtype).expand(x.shape[0], -1, -1)], dim=1)
        y = plain(layer, x, *others, **named)
        if not self.last:
            return y
        return (y[0][:, : -self.tokens], *y[1:]) if isinstance(y, tuple) else y[:, : -self.tokens]


@dataclass(frozen=True)
class VisualPromptTuning:
    """``tokens`` learned tokens beside the patches of a vision transformer: new ones in each block with ``deep``.

    Where they stand among the patches means nothing to attention. Jia et al., Visual prompt tuning, ECCV 2022.
    """

    tokens: int = 8
    deep: bool = True

    def inject(self, module: nn.Module) -> list[str]:
        """The names of the blocks; ``InputError`` where a block cannot read more tokens than there are patches."""
        if isinstance(module, TextEncoder):
            raise InputError("vpt is for vision transformers, and this backbone reads texts: use prompt or prefix.")
        blocks = transformer_blocks(module, "a visual prompt")
        _check_plain(module, blocks)
        for i, block in enumerate(blocks):
            width = block.width if self.deep or i == 0 else 0
            prompt = VisualPrompt(self.tokens, width, replaces=i > 0, last=i == len(blocks) - 1)
            if width or prompt.last:
                graft(module.get_submodule(block.name), prompt)
        return [block.name for block in blocks]


def _check_plain(module: nn.Module, blocks: list[TransformerBlock]) -> None:
    """Raise ``InputError`` unless every block reads any number of tokens ``(n, t, width)``, all of one width."""
    device = next(module.parameters()).device
    for block in blocks:
        part, tokens = module.get_submodule(block.name), torch.zeros(1, 5, block.width, device=device)
        if block.width != blocks[0].width or not (_gives_as_many(part, tokens) or _gives_as_many(part, tokens, None)):
            raise InputError(
                f"vpt adds tokens to a plain vision transformer, and {block.name} of this backbone reads a fixed "
                "number of patches, or more than tokens: use lora or adapter."
            )


@torch.no_grad()
def _gives_as_many(block: nn.Module, tokens: Tensor, *mask: None) -> bool:
    try:
        y: Any = block(tokens, *mask)
        return bool((y[0] if isinstance(y, tuple) else y).shape == tokens.shape)
    except Exception:  # whatever the block's own code runs into
        return False


def _encoder(module: nn.Module, what: str) -> Any:
    if not isinstance(module, TextEncoder):
        raise InputError(
            f"{what} goes into a text encoder of transformers, and this backbone ({type(module).__name__}) is none: "
            "use lora, or vpt for a vision transformer."
        )
    return module.model


def _looks_up(attention: nn.Module) -> bool:
    return "_attn_implementation" in type(attention).forward.__code__.co_names


def _register() -> None:
    from transformers import AttentionInterface

    AttentionInterface.register(PREFIXED, attend_with_prefix)
