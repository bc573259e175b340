"""The network that writes a text from the rows of an encoder: the decoder of an encoder-decoder of transformers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from transferium.errors import BackboneError, refusing


class _Elsewhere(nn.Module):
    """The place of the encoder: it is the backbone, and its rows are given."""

    main_input_name = "input_ids"

    def forward(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError("the encoder is the backbone of the model")


class DecoderNetwork(nn.Module):
    """Rows ``(n, t, width)`` and the pieces before each place ``(n, s)`` to scores of the next ``(n, s, pieces)``.

    ``whole`` is any ``AutoModelForSeq2SeqLM``; its encoder is taken out. Where its width is another, rows are mapped
    into it.
    """

    def __init__(self, whole: Any, width: int) -> None:
        super().__init__()
        encoder = whole.get_encoder()
        for name, part in [*whole.named_modules()]:
            if part is encoder:
                parent, _, last = name.rpartition(".")
                setattr(whole.get_submodule(parent), last, _Elsewhere())
        self.whole = whole
        inner = int(whole.config.hidden_size)
        self.join: nn.Module = nn.Identity() if inner == width else nn.Linear(width, inner)

    def forward(self, rows: Tensor, mask: Tensor, before: Tensor) -> Tensor:
        given = (self.join(rows),)
        scores: Tensor = self.whole(
            encoder_outputs=given, attention_mask=mask, decoder_input_ids=before, use_cache=False
        ).logits
        return scores

    def write(self, rows: Tensor, mask: Tensor, longest: int, beams: int) -> Tensor:
        """The most probable pieces ``(n, at most longest)``, one after another or by beam search."""
        from transformers.modeling_outputs import BaseModelOutput

        found: Tensor = self.whole.generate(
            encoder_outputs=BaseModelOutput(last_hidden_state=self.join(rows)),
            attention_mask=mask,
            max_new_tokens=longest,
            num_beams=beams,
            do_sample=False,
        )
        return found


def new_decoder(inner: int, depth: int, pieces: int, special: Mapping[str, int], longest: int) -> Any:
    """An untrained encoder-decoder as mBART is one (norms before each part), for its decoder."""
    import transformers

    config = transformers.MBartConfig(
        vocab_size=pieces,
        max_position_embeddings=longest + 2,
        d_model=inner,
        encoder_layers=1,
        decoder_layers=depth,
        encoder_attention_heads=heads(inner),
        decoder_attention_heads=heads(inner),
        encoder_ffn_dim=8,
        decoder_ffn_dim=4 * inner,
        scale_embedding=True,
        pad_token_id=special["pad"],
        bos_token_id=special["start"],
        eos_token_id=special["end"],
        decoder_start_token_id=special["start"],
        forced_eos_token_id=None,
    )
    return built(config.to_dict())


def heads(inner: int) -> int:
    """Attention heads of 32 features or so, as many as divide the width."""
    return max(count for count in range(1, max(2, inner // 32 + 1)) if inner % count == 0)


def built(config: Mapping[str, Any], generation: Mapping[str, Any] | None = None) -> Any:
    """The encoder-decoder of a configuration with random weights; no code of others is run."""
    import transformers

    from_dict = transformers.CONFIG_MAPPING[config["model_type"]].from_dict
    whole = transformers.AutoModelForSeq2SeqLM.from_config(from_dict(dict(config)), trust_remote_code=False)
    if generation is not None:
        whole.generation_config = transformers.GenerationConfig.from_dict(dict(generation))
    return whole


def loaded(folder: Path, seed: int | None) -> Any:
    """The encoder-decoder of a folder, with a ``seed`` that of its configuration with random weights; None: it is none.

    Raises ``BackboneError`` where its weights cannot be loaded.
    """
    import transformers

    config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    if not config.is_encoder_decoder:
        return None
    auto = transformers.AutoModelForSeq2SeqLM
    if seed is not None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return auto.from_config(config, trust_remote_code=False)
    with refusing(BackboneError, f"{folder} cannot be loaded as an encoder-decoder", "."):
        return auto.from_pretrained(folder, config=config, local_files_only=True, weights_only=True, dtype="float32")


def tensors_of(network: nn.Module) -> dict[str, Tensor]:
    """Its weights, each once, however many names it has."""
    return {name: tensor.detach() for name, tensor in (*network.named_parameters(), *_kept(network))}


def load_tensors(network: nn.Module, tensors: Mapping[str, Tensor]) -> nn.Module:
    """The opposite of ``tensors_of``; raises ``KeyError`` and ``RuntimeError`` where they do not fit."""
    with torch.no_grad():
        for name, own in tensors_of(network).items():
            own.copy_(tensors[name])
    return network.eval()


def _kept(network: nn.Module) -> list[tuple[str, Tensor]]:
    return [(name, buffer) for name, buffer in network.named_buffers() if name in network.state_dict()]
