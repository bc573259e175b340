"""Text encoders as folders of transformers: which one a pretraining starts from, and what it leaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transferium.errors import BackboneError, InputError
from transferium.methods.pretraining.tokenizer import Vocabulary, save_tokenizer
from transferium.methods.settings.checks import BELOW_1
from transferium.methods.settings.field import setting
from transferium.models.sources.bundled import BUNDLED

if TYPE_CHECKING:
    from transferium.models.model import Model
    from transferium.models.sources.encoders import Pooling

KEYS: dict[Pooling, str] = {
    "mean": "pooling_mode_mean_tokens",
    "cls": "pooling_mode_cls_token",
    "max": "pooling_mode_max_tokens",
}
"""What sentence-transformers calls each way from tokens to one row."""


@dataclass
class NewNetwork:
    """The settings of a network with random weights."""

    length: int = setting(128, "tokens a text; longer ones are cut into several", bounds={"least": 8})
    layers: int = setting(4, "of a new BERT", bounds={"least": 1})
    width: int = setting(256, "of a new BERT", bounds={"least": 8})
    heads: int = setting(4, "attention heads of a new BERT", bounds={"least": 1})
    dropout: float = setting(0.1, "of a new BERT; 0 where it does not learn its corpus by heart", bounds=BELOW_1)
    config: str = setting("", "config.json of another new network that transformers knows", choices=())


@dataclass(frozen=True, eq=False)
class Network:
    """What a pretraining of texts must know of the network before it is built.

    ``longest``: tokens that it can read; ``types``: whether it tells two segments apart; ``lr``: its default rate;
    ``pooling``: how one that goes on makes one row of its tokens, and whether at length one.
    """

    build: Callable[[], Model]
    width: int
    longest: int
    types: bool
    lr: float
    fingerprint: str
    pooling: tuple[Pooling, bool] | None = None


def folder_of(name: str) -> Path:
    """The folder of transformers behind a backbone's name; ``BackboneError`` where there is none."""
    from transferium.models.sources.transformers_models import folder_named

    if name in BUNDLED and (file := BUNDLED[name].file) is not None:
        BUNDLED[name].check(name)
        folder = file.parent
    else:
        folder = folder_named(name)
    if not (folder / "config.json").is_file() or not (folder / "tokenizer.json").is_file():
        raise BackboneError(
            "pretraining on texts goes on from a folder of transformers with config.json and tokenizer.json, from "
            f"hf/<owner>/<name> or from all_minilm_l6_v2; {name} is none of these."
        )
    return folder


def network_of(asked: NewNetwork, source: Path | None, vocabulary: Vocabulary, start: str | None) -> Network:
    """The network that starts: that of ``source``, or a new one as ``asked``."""
    from transferium.models.sources.language_models import continued, language_model, read_config, untrained
    from transferium.models.sources.transformers_models import text_pooling, text_positions, text_preprocess
    from transferium.models.sources.weight_files import digest_files, weight_files

    if source is None:
        config = _new_config(asked, vocabulary)
        longest = text_positions(config.to_dict()) or asked.length
        written = config.to_json_string()
        return _network(config, lambda: language_model(untrained(config)), longest, 5e-4, digest_files([], written))
    if asked.config:
        raise InputError("config describes a new network, and --backbone names a pretrained one: leave one out.")
    config = read_config(source)
    rows, pad = int(config.vocab_size), getattr(config, "pad_token_id", None)
    if vocabulary.size > rows or pad not in (None, vocabulary.ids["pad"]):
        raise BackboneError(
            f"the tokenizer and the model of {start} do not belong together: {vocabulary.size} pieces with padding "
            f"{vocabulary.ids['pad']}, and {rows} embeddings with padding {pad}."
        )
    longest = text_preprocess(source).max_length
    files = digest_files([source / "config.json", *weight_files(source)])
    pooling: tuple[Pooling, bool] = ("mean", True) if start in BUNDLED else text_pooling(source)
    return replace(_network(config, lambda: language_model(continued(source)), longest, 5e-5, files), pooling=pooling)


def _network(config: Any, build: Callable[[], Model], longest: int, lr: float, fingerprint: str) -> Network:
    types = int(getattr(config, "type_vocab_size", 0) or 0) > 1
    return Network(build, int(config.hidden_size), longest, types, lr, fingerprint)


def _new_config(asked: NewNetwork, vocabulary: Vocabulary) -> Any:
    import transformers

    from transferium.models.sources.language_models import initial_spread, read_config

    ids = {f"{use}_token_id": vocabulary.ids[use] for use in ("pad", "cls", "sep")}
    if asked.config:
        config = read_config(Path(asked.config))
        for name, value in {"vocab_size": vocabulary.size, **ids}.items():
            setattr(config, name, value)
        config.bos_token_id = config.eos_token_id = None
        return config
    if asked.width % asked.heads:
        raise InputError(f"width={asked.width} is shared by heads={asked.heads}: it must be a multiple of that.")
    return transformers.BertConfig(
        vocab_size=vocabulary.size,
        hidden_size=asked.width,
        num_hidden_layers=asked.layers,
        num_attention_heads=asked.heads,
        intermediate_size=4 * asked.width,
        hidden_dropout_prob=asked.dropout,
        attention_probs_dropout_prob=asked.dropout,
        max_position_embeddings=asked.length,
        initializer_range=initial_spread(asked.width),
        pad_token_id=ids["pad_token_id"],
    )


def write_encoder(model: Model, tokenizer: Path, network: Network, folder: Path) -> None:
    """Model and tokenizer by ``save_pretrained``, and how tokens are pooled where the start said so."""
    from transferium.models.sources.language_models import put_together
    from transferium.models.sources.transformers_models import quiet

    with quiet():
        put_together(model).save_pretrained(folder)
        save_tokenizer(tokenizer, folder, network.longest)
    if network.pooling is not None:
        write_pooling(folder, network.width, *network.pooling)


def write_pooling(folder: Path, width: int, pooling: Pooling, normalise: bool) -> None:
    """The files of sentence-transformers that say it."""
    parts = {"Transformer": "", "Pooling": "1_Pooling"} | ({"Normalize": "2_Normalize"} if normalise else {})
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (kind, path) in enumerate(parts.items())
    ]
    (folder / "modules.json").write_text(json.dumps(modules, indent=1), encoding="utf-8")
    (folder / "1_Pooling").mkdir(exist_ok=True)
    told = {"word_embedding_dimension": width} | {key: way == pooling for way, key in KEYS.items()}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(told), encoding="utf-8")
