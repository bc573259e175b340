"""Pretraining of text encoders: masked tokens, and how two segments belong together."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from transferium.data.corpora.documents import TextCorpus
from transferium.data.domain import Kind
from transferium.errors import DataError, InputError, TransferiumWarning
from transferium.methods.pretraining.encoder_folder import Network, NewNetwork, folder_of, network_of, write_encoder
from transferium.methods.pretraining.pretraining import NEW, Pretrained, Pretraining, Spot
from transferium.methods.pretraining.tokenize import TOKENIZER, forget, there, tokenized
from transferium.methods.pretraining.tokenizer import TOKENIZERS, Vocabulary
from transferium.methods.settings.field import setting
from transferium.methods.staged import run_stages
from transferium.models.writing.learned_tokenizer import train_tokenizer
from transferium.objectives.self_supervised.choices import PAIR_TASKS, TEXT_NOISES, UNITS
from transferium.system.processes import everyone, rank
from transferium.system.write_atomically import write_atomically

if TYPE_CHECKING:
    from transferium.models.model import Model
    from transferium.objectives.self_supervised.base import SelfSupervised
    from transferium.training.feeds.corpus import Blocks
    from transferium.training.loop.stage import Stage

CORPUS = "corpus"
"""The folder in the state folder that holds it as token ids."""


@dataclass
class LanguagePretraining(NewNetwork, Pretraining):
    """``mlm``: masked tokens; ``nsp``, ``same-document`` or ``sop``: pairs of segments; ``dae``: the words of a text.

    Several are summed, as in ``mlm,nsp``.

    From random weights, with a tokenizer learned from the corpus, or on from a pretrained encoder with its own.
    """

    kind: ClassVar[Kind] = "text"
    objectives: ClassVar[tuple[str, ...]] = ("mlm", *PAIR_TASKS, "dae")
    counts_with: ClassVar[dict[str, str]] = {
        **{"masking": "mlm", "mask_rate": "mlm", "noise": "dae", "strength": "dae"},
        **dict.fromkeys(("tokenizer", "vocabulary", "lowercase", "layers", "width", "heads", "dropout"), NEW),
    }

    masking: str = setting("token", "what is masked: token, word or span", UNITS)
    mask_rate: float = setting(0.15, "share of the tokens that is guessed", bounds={"above": 0, "below": 1})
    noise: str = setting("deletion", "dae: deletion or infilling of tokens", TEXT_NOISES)
    strength: float = setting(0.6, "dae: share of the tokens that is taken away", bounds={"above": 0, "below": 1})
    tokenizer: str = setting("wordpiece", "learned from the corpus: wordpiece, bpe or characters", TOKENIZERS)
    vocabulary: int = setting(8000, "pieces that the tokenizer knows, at most", bounds={"least": 100})
    lowercase: bool = setting(True, "whether the tokenizer reads capitals as small letters")

    def open(self, corpus: Any, columns: Mapping[str, Any]) -> TextCorpus:
        """The corpus behind a path, or several texts; nothing of it is read yet."""
        return TextCorpus(corpus, columns.get("text"))

    def pretrain(self, corpus: TextCorpus, asked: tuple[str, ...], start: str | None, spot: Spot) -> Pretrained:
        """Learn from ``corpus`` by the objectives ``asked``; ``start`` names the encoder that goes on, if any."""
        task = self._task(asked)
        source = None if start is None else folder_of(start)
        tokenizer, vocabulary, facts = self._read(corpus, source, start, spot)
        network = network_of(self, source, vocabulary, start)
        train, held, said = self._divide(spot.workdir, task, network.longest)
        if facts["unknown"] > 0.2 * facts["tokens"]:
            share = facts["unknown"] / facts["tokens"]
            words = f"{share:.0%} of the corpus is unknown to the tokenizer: is it in another language or script?"
            warnings.warn(words, TransferiumWarning, stacklevel=2)
        stages = self._stages(network, vocabulary, (train, held), asked, task, facts["digest"], spot)
        outcome, _, _ = run_stages(self, spot, stages, self.precision)
        if "head" in getattr(outcome.result.head.whole, "missing_parts", ()):
            said.append(f"{start} came without a head for masked tokens: a new one was trained")
        counts = {name: facts[name] for name in ("documents", "sentences", "tokens")}
        return Pretrained(
            kind=self.kind,
            write=partial(write_encoder, outcome.result, spot.workdir / CORPUS / TOKENIZER, network),
            history=outcome.history,
            counts=counts | {"train": len(train), "held_out": len(held), "vocabulary": tokenizer.get_vocab_size()},
            beside=_by_frequency(train, held, vocabulary.size) if {"mlm", "dae"} & {*asked} else {},
            said=tuple(said),
        )

    def _task(self, asked: tuple[str, ...]) -> str | None:
        """The task on pairs among ``asked``; ``InputError`` for two, since a pair has one label."""
        tasks = [name for name in asked if name in PAIR_TASKS]
        if len(tasks) > 1:
            raise InputError(
                f"{' and '.join(tasks)} make pairs in different ways: name one of them, beside mlm or alone."
            )
        return tasks[0] if tasks else None

    def _read(
        self, corpus: TextCorpus, source: Path | None, start: str | None, spot: Spot
    ) -> tuple[Any, Vocabulary, dict[str, Any]]:
        """The corpus as token ids in the state folder, read anew only where it or the tokenizer is another.

        Of several processes the first writes them.
        """
        if rank():
            everyone(None)
        read = self._tokenize(corpus, source, start, spot)
        if not rank():
            everyone(None)
        return read

    def _tokenize(
        self, corpus: TextCorpus, source: Path | None, start: str | None, spot: Spot
    ) -> tuple[Any, Vocabulary, dict[str, Any]]:
        from tokenizers import Tokenizer

        folder = spot.workdir / CORPUS
        own = {"kind": self.tokenizer, "size": self.vocabulary, "lowercase": self.lowercase}
        given = None if source is None else (source / "tokenizer.json").read_bytes()
        about = {"corpus": corpus.state(), "tokenizer": own if given is None else hashlib.sha256(given).hexdigest()}
        about = json.loads(json.dumps(about))
        facts = there(folder)
        if is_new := facts.get("about") != about:
            folder.mkdir(parents=True, exist_ok=True)
            forget(folder)
            if given is None:
                spot.tell("learning a tokenizer", 0, 1)
                made = train_tokenizer(self.tokenizer, corpus, self.vocabulary, self.lowercase)
                given = made.to_str().encode()
                spot.tell("learning a tokenizer", 1, 1)
            write_atomically(folder / TOKENIZER, given)
        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        vocabulary = Vocabulary.of(tokenizer, start or "this corpus")
        if is_new:
            tell = partial(_say_read, spot)
            facts = tokenized(corpus, tokenizer, vocabulary.unknown, folder, about, tell)
        return tokenizer, vocabulary, facts

    def _divide(self, workdir: Path, task: str | None, longest: int) -> tuple[Blocks, Blocks, list[str]]:
        """The blocks to learn from and those held out, by documents: copies of one lie on the same side."""
        from transferium.training.feeds.corpus import Blocks, Tokens

        length = min(self.length, longest)
        tokens, said = Tokens.load(workdir / CORPUS), []
        bounds = tokens.blocks(length - (2 if task is None else 3))
        if more := int((np.bincount(bounds[:, 4]) > 1).sum()):
            said.append(
                f"{more:,} of {len(tokens.draws):,} documents are longer than {length} tokens: cut into several"
            )
        if task is not None:
            whole = bounds[:, 1] - bounds[:, 0] > 1
            if not whole.all():
                said.append(
                    f"{int((~whole).sum()):,} of {len(bounds):,} blocks are one sentence, which makes no pair: left out"
                )
            bounds = bounds[whole]
        draws = tokens.draws[bounds[:, 4]]
        drawn = np.unique(draws)
        least = 2 if task in ("nsp", "same-document") else 1
        if len(drawn) < 2 * least:
            raise DataError(
                f"the corpus has {len(drawn)} different documents to learn from{' by ' + task if task else ''}, and "
                f"{2 * least} or more are needed, since some are held out. A document of a plain text file is "
                "what stands between empty lines, or each line."
            )
        # As many whole documents, by their draws, as it takes.
        upto = np.sort(draws)[min(self._held(len(draws)), len(draws)) - 1]
        upto = min(max(upto, drawn[least - 1]), drawn[-least - 1])
        of_held = draws <= upto
        return Blocks(tokens, bounds[~of_held]), Blocks(tokens, bounds[of_held]), said

    def _stages(
        self,
        network: Network,
        vocabulary: Vocabulary,
        parts: tuple[Blocks, Blocks],
        asked: tuple[str, ...],
        task: str | None,
        digest: str,
        spot: Spot,
    ) -> Generator[Stage, None, Model]:
        from transferium.training.feeds.corpus import CorpusFeeds, Special

        model = network.build()
        ids = vocabulary.ids
        special = Special(ids["cls"], ids["sep"], ids["pad"], network.types)
        feeds = CorpusFeeds(seed=spot.seed, workers=self.workers, special=special, task=task)
        train, held = (blocks.domain(name) for blocks, name in zip(parts, ("corpus", "held out"), strict=True))
        about = {"corpus": digest, "backbone": network.fingerprint, "objectives": list(asked)}
        objective = self._objective(network.width, vocabulary, asked, task)
        yield self._stage(model, objective, feeds, train, held, seed=spot.seed, lr=network.lr, about=about)
        return model

    def _objective(self, width: int, words: Vocabulary, asked: tuple[str, ...], task: str | None) -> SelfSupervised:
        import torch

        from transferium.objectives.self_supervised.base import Together
        from transferium.objectives.self_supervised.denoised_texts import DenoisedTexts
        from transferium.objectives.self_supervised.masked_language_model import MaskedLanguageModel
        from transferium.objectives.self_supervised.sentence_pairs import SentencePairs

        pairs = None if task is None else SentencePairs(width, task)
        special, continues = torch.from_numpy(words.special), torch.from_numpy(words.continues)
        about = words.ids["mask"], special, continues
        masked = MaskedLanguageModel(*about, rate=self.mask_rate, unit=self.masking, beside=pairs)
        parts: list[SelfSupervised] = [masked] if "mlm" in asked else [] if pairs is None else [pairs]
        if "dae" in asked:
            parts.append(DenoisedTexts(*about, rate=self.strength, noise=self.noise))
        return parts[0] if len(parts) == 1 else Together(*parts)


def _say_read(spot: Spot, n: int) -> None:
    spot.tell("reading the corpus", n, n + 1)


def _by_frequency(train: Blocks, held: Blocks, size: int) -> dict[str, float]:
    """The loss on held-out tokens of a guess by how often each occurs in training: what any model must beat."""
    counts = [_counted(blocks, size) for blocks in (train, held)]
    known = np.log((counts[0] + 1) / (counts[0].sum() + size))
    return {"guess by frequency": float(-(counts[1] * known).sum() / counts[1].sum())}


def _counted(blocks: Blocks, size: int) -> Any:
    found = np.zeros(size)
    for start in range(0, len(blocks), 1024):
        rows = [blocks.raw(at) for at in range(start, min(start + 1024, len(blocks)))]
        found += np.bincount(np.concatenate(rows), minlength=size)
    return found
