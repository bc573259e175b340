"""Each kind against the peft library with the same numbers in it; against slow formulas where peft has none."""

from __future__ import annotations

import copy
from typing import Any

import peft
import pytest
import torch
import transformers
from torch import Tensor, nn

from transferium.models.peft.inject import inject
from transferium.models.sources.encoders import TextEncoder, VisionEncoder
from worlds.adapted import bert_backbone, small_vit, stirred
from worlds.toy import PictureNet

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")  # of peft itself
IDS = torch.tensor([[2, 4, 5, 7, 3], [2, 5, 3, 0, 0]])
MASK = (IDS > 0).long()


def encoder() -> Any:
    return bert_backbone().build().eval()


def tokens(model: nn.Module, **named: Any) -> Tensor:
    with torch.no_grad():
        output: Any = model(attention_mask=MASK, **named)
        states: Tensor = output.last_hidden_state
        return states[MASK.bool()] if states.shape[1] == MASK.shape[1] else states


def of_peft(model: Any, config: Any) -> Any:
    """``model`` as peft adapts it; it says that it takes models of transformers alone, and takes any module."""
    return peft.get_peft_model(model, config)


def filled(theirs: Any, ours: nn.Module, names: dict[str, str]) -> Any:
    """``theirs`` with the numbers of ``ours``; ``names`` maps the ends of parameter names to peft's."""
    there = dict(theirs.named_parameters())
    copied = 0
    for name, p in ours.named_parameters():
        path, part, end = name.partition(".adapter.")
        if part:
            (found,) = [n for n in there if f".{path}." in f".{n}" and f".{names[end]}" in n]
            with torch.no_grad():
                there[found].copy_(p.view(there[found].shape))
            copied += 1
    assert copied == sum(p.requires_grad for p in theirs.parameters())
    return theirs.eval()


@pytest.mark.parametrize(
    ("kind", "ours", "theirs"),
    [
        ("lora", {}, {}),
        ("lora", {"stabilised": True}, {"use_rslora": True}),
        ("dora", {}, {"use_dora": True}),
    ],
)
def test_low_rank_updates_are_those_of_peft(kind: str, ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    mine = encoder().model
    stirred(mine, inject(mine, kind, rank=2, alpha=6.0, targets="query,output.dense", **ours))
    config = peft.LoraConfig(r=2, lora_alpha=6, target_modules=["query", "output.dense"], **theirs)
    names = {"A": "lora_A.", "B": "lora_B.", "m": "lora_magnitude_vector."}
    other = filled(of_peft(encoder().model, config), mine, names)
    torch.testing.assert_close(tokens(mine, input_ids=IDS), tokens(other, input_ids=IDS), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dora", [False, True])
def test_convolutions_are_those_of_peft(dora: bool) -> None:
    torch.manual_seed(0)
    start = PictureNet().eval()
    mine, other = PictureNet().eval(), PictureNet().eval()
    for net in (mine, other):
        net.load_state_dict(start.state_dict())
    stirred(mine, inject(mine, "dora" if dora else "lora", rank=2, alpha=6.0, targets="stem.0,body.0"))
    config = peft.LoraConfig(r=2, lora_alpha=6, target_modules=["stem.0", "body.0"], use_dora=dora)
    names = {"A": "lora_A.", "B": "lora_B.", "m": "lora_magnitude_vector."}
    there = filled(of_peft(other, config), mine, names)
    x = torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(mine(x), there(x), rtol=1e-5, atol=1e-5)


def test_ia3_is_that_of_peft() -> None:
    mine = encoder().model
    stirred(mine, inject(mine, "ia3"))
    ends = r".*layer\.\d+\.(attention\.self\.(key|value)|output\.dense)"
    config = peft.IA3Config(target_modules=ends, feedforward_modules=r".*layer\.\d+\.output\.dense")
    other = filled(of_peft(encoder().model, config), mine, {"scale": "ia3_l."})
    torch.testing.assert_close(tokens(mine, input_ids=IDS), tokens(other, input_ids=IDS), rtol=1e-5, atol=1e-5)


def test_norm_tuning_moves_what_that_of_peft_moves() -> None:
    mine = encoder().model
    moving = inject(mine, "bitfit", terms="norm").moving
    config = peft.LNTuningConfig(target_modules=["LayerNorm"])
    theirs = [n for n, p in of_peft(encoder().model, config).named_parameters() if p.requires_grad]
    plain = {n.removeprefix("base_model.model.").replace("ln_tuning_layers.default.", "") for n in theirs}
    assert set(moving) == plain


def test_a_prefix_is_that_of_peft() -> None:
    mine = encoder()
    stirred(mine, inject(mine, "prefix", tokens=3), 1.0)
    layers = [layer.attention.self.adapter for layer in mine.model.encoder.layer]
    config = peft.PrefixTuningConfig(task_type="FEATURE_EXTRACTION", num_virtual_tokens=3)
    theirs = of_peft(encoder().model, config).eval()
    table = torch.cat([p for part in layers for p in (part.keys, part.values)], dim=1)
    with torch.no_grad():
        theirs.prompt_encoder["default"].embedding.weight.copy_(table)
    shifted = torch.arange(IDS.shape[1])[None] + 3  # peft gives a text the positions behind its prefix
    found = tokens(mine.model, input_ids=IDS, position_ids=shifted)
    torch.testing.assert_close(found, tokens(theirs, input_ids=IDS), rtol=1e-5, atol=1e-5)


def test_a_prompt_is_that_of_peft_pooled_over_the_texts_own_tokens() -> None:
    mine = encoder()
    stirred(mine, inject(mine, "prompt", tokens=3))
    config = peft.PromptTuningConfig(task_type="FEATURE_EXTRACTION", num_virtual_tokens=3)
    theirs = of_peft(encoder().model, config).eval()
    with torch.no_grad():
        theirs.prompt_encoder["default"].embedding.weight.copy_(mine.adapter.prompt)
        states = tokens(theirs, input_ids=IDS)[:, 3:]
        expected = torch.stack([s[m.bool()].mean(0) for s, m in zip(states, MASK, strict=True)])
        torch.testing.assert_close(mine(IDS, MASK), expected, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_a_bottleneck_is_two_layers_before_the_residual_sum() -> None:
    mine, plain = small_vit(), small_vit()
    stirred(mine, inject(mine, "adapter", reduced=3))
    x = torch.randn(2, 5, 12)
    block, other = mine.blocks[1], plain.blocks[1]

    def after(part: Any, h: Tensor) -> Any:
        return h + (nn.functional.gelu(h @ part.down.weight.T + part.down.bias) @ part.up.weight.T + part.up.bias)

    halfway = x + after(block.attn.proj.adapter, other.attn(other.norm1(x)))
    slow = halfway + after(block.mlp.fc2.adapter, other.mlp(other.norm2(halfway)))
    torch.testing.assert_close(block(x), slow, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("deep", [True, False])
@torch.no_grad()
def test_visual_prompts_are_tokens_beside_the_patches(deep: bool) -> None:
    mine, plain = small_vit(), small_vit()
    stirred(mine, inject(mine, "vpt", tokens=2, deep=deep))
    x = torch.randn(2, 3, 16, 16)
    h = plain._pos_embed(plain.patch_embed(x))
    prompts = [b.adapter.prompt for b in mine.blocks if getattr(b, "adapter", None) is not None]
    for i, block in enumerate(plain.blocks):
        if i == 0 or deep:
            h = torch.cat([h[:, :5], prompts[i].expand(2, -1, -1)], dim=1)
        h = block(h)
    slow = plain.forward_head(plain.norm(h[:, :5]))
    torch.testing.assert_close(mine(x), slow, rtol=1e-5, atol=1e-5)


OF_TEXTS = {
    "roberta": transformers.RobertaConfig(num_hidden_layers=1, intermediate_size=16),
    "modernbert": transformers.ModernBertConfig(
        num_hidden_layers=1, intermediate_size=16, pad_token_id=0, bos_token_id=1, eos_token_id=2
    ),
    "t5": transformers.T5Config(d_model=8, d_kv=4, d_ff=16, num_layers=1, num_heads=2),
}


@pytest.mark.parametrize("name", OF_TEXTS)
@pytest.mark.parametrize("kind", ["lora", "ia3", "adapter", "prefix", "prompt"])
def test_other_encoders_of_texts_have_places_too(kind: str, name: str) -> None:
    config = copy.deepcopy(OF_TEXTS[name])
    config.update(
        {"vocab_size": 20, "hidden_size": 8, "num_attention_heads": 2} if name != "t5" else {"vocab_size": 20}
    )
    model: Any = transformers.AutoModel.from_config(config)
    model = model.get_encoder() if name == "t5" else model
    module = TextEncoder(model, "mean", False).eval()
    with torch.no_grad():
        record = inject(module, kind)
        start = module(IDS, MASK)
        assert not torch.allclose(stirred(module, record, 1.0)(IDS, MASK), start, atol=1e-5)


def test_a_visual_prompt_goes_into_blocks_that_are_called_with_a_mask() -> None:
    config = transformers.CLIPVisionConfig(
        hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16, image_size=16, patch_size=8
    )
    module = VisionEncoder(transformers.CLIPVisionModel(config), "cls").eval()
    record, x = inject(module, "vpt"), torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        start = module(x)
        assert not torch.allclose(stirred(module, record, 1.0)(x), start, atol=1e-5)
