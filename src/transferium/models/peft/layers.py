"""Which layers of a network an adapter goes into: by their place in a transformer, or by name."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from transferium.errors import InputError, did_you_mean

KEYS = ("key", "k_proj", "k_lin", "key_proj", "k")
VALUES = ("value", "v_proj", "v_lin", "value_proj", "v")
QUERIES = ("query", "q_proj", "q_lin", "query_proj", "q")
FUSED = ("qkv", "Wqkv", "qkv_proj", "query_key_value")
"""What timm and transformers call the layers that make keys, values, queries, and all three at once."""
ALL = "all"
ATTENTION = "attention"


@dataclass(frozen=True)
class TransformerBlock:
    """One block, and the full names of its layers: ``width`` features a token go in and come out.

    ``keys`` and ``values`` are one layer where it is ``fused``; ``end_of_attention`` and ``end_of_feedforward`` are
    the last layers of its two halves.
    """

    name: str
    width: int
    attention: str
    keys: str
    values: str
    fused: bool
    end_of_attention: str
    end_of_feedforward: str

    @property
    def inside_attention(self) -> tuple[str, ...]:
        """The layers that attention is made of."""
        projections = (f"{self.attention}.{name}" for name in (*QUERIES, *KEYS, *VALUES, *FUSED))
        return (*projections, self.end_of_attention)


def transformer_blocks(module: nn.Module, what: str) -> list[TransformerBlock]:
    """The transformer blocks of a network, from the input on; raises ``InputError`` where there are none.

    A block is a link of a list (or a sequence) that holds attention by the usual names of its layers, and after that
    two linear layers or more that give as many features as it reads. ``what`` is what the message says needs them.
    """
    found: list[TransformerBlock] = []
    for name, container in module.named_modules():
        if isinstance(container, nn.ModuleList | nn.Sequential):
            links = ((f"{name}.{link}" if name else link, part) for link, part in container.named_children())
            found += [block for link, part in links if (block := _block(link, part)) is not None]
    inner = [b for b in found if not any(o is not b and o.name.startswith(f"{b.name}.") for o in found)]
    if not inner:
        kinds = sorted({type(part).__name__ for part in module.children()})
        raise InputError(
            f"{what} goes into transformer blocks, and this backbone ({', '.join(kinds) or type(module).__name__}) has "
            "none that are known by the names of their layers: use lora, dora or bitfit."
        )
    return inner


def _block(name: str, part: nn.Module) -> TransformerBlock | None:
    layers = [(n, m) for n, m in part.named_modules() if isinstance(m, nn.Linear)]
    keys = [n for n, _ in layers if n.rpartition(".")[2] in (*KEYS, *FUSED)]
    if not keys:
        return None
    attention = keys[0].rpartition(".")[0]
    values = [n for n, _ in layers if n.rpartition(".")[2] in VALUES and n.rpartition(".")[0] == attention]
    fused = keys[0].rpartition(".")[2] in FUSED
    if not fused and not values:
        return None
    names = [n for n, _ in layers]
    projections = (*QUERIES, *KEYS, *VALUES, *FUSED)
    width = dict(layers)[keys[0]].in_features
    last = max(i for i, n in enumerate(names) if n.rpartition(".")[2] in projections)
    after = [n for n, m in layers[last + 1 :] if m.out_features == width]
    if len(after) < 2 or len(keys) > 1:
        return None
    whole = [f"{name}.{n}" for n in (attention, keys[0], keys[0] if fused else values[0], after[0], after[-1])]
    return TransformerBlock(name, width, whole[0], whole[1], whole[2], fused, whole[3], whole[4])


def chosen(able: Sequence[str], targets: str, blocks: Sequence[TransformerBlock] = ()) -> list[str]:
    """The layers among ``able`` that ``targets`` names: all, attention, or names and patterns with commas between.

    A name is that of a layer, the end of one, or that of a module that holds some. Raises ``InputError`` with the
    nearest name for a part that matches nothing.

    >>> chosen(["layer.0.query", "layer.0.key", "layer.1.query"], "query")
    ['layer.0.query', 'layer.1.query']
    """
    if targets == ALL:
        return list(able)
    if targets == ATTENTION:
        inside = {name for block in blocks for name in block.inside_attention}
        return [name for name in able if name in inside]
    found: set[str] = set()
    for pattern in (word.strip() for word in targets.split(",")):
        here = {name for name in able if _matches(name, pattern)}
        if not here:
            pieces = {word for name in able for word in (*name.split("."), *_ends(name), name) if not word.isdigit()}
            raise InputError(
                f"targets={pattern!r} matches no layer that can have an adapter. "
                f"{did_you_mean(pattern, [ALL, ATTENTION, *pieces], _some(able))}"
            )
        found |= here
    return [name for name in able if name in found]


def _matches(name: str, pattern: str) -> bool:
    ends = [name, *_ends(name)]
    return any(fnmatch.fnmatchcase(end, pattern) for end in ends) or name.startswith(f"{pattern}.")


def _ends(name: str) -> list[str]:
    words = name.split(".")
    return [".".join(words[i:]) for i in range(1, len(words))]


def _some(able: Sequence[str]) -> str:
    return f"Its layers are {', '.join(able[:6])}{', …' if len(able) > 6 else ''}; or say all or attention."
