"""Translation: an encoder of texts and a decoder that writes, trained together."""

from __future__ import annotations

import hashlib
import json
import time
import warnings
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from transferium.errors import DataError, TransferiumWarning
from transferium.methods.fitted import Fitted
from transferium.methods.settings.field import setting
from transferium.methods.staged import run_stages
from transferium.methods.task import Task
from transferium.methods.writing.writing import Writing
from transferium.models.heads.writer import TOKENIZER, Writer
from transferium.models.preprocess import TextPreprocess
from transferium.problems.texts import Translation, written

if TYPE_CHECKING:
    from transferium.models.writing.decoder_network import DecoderNetwork
    from transferium.training.loop.stage import Stage


@dataclass(frozen=True)
class Target:
    """How texts are written: the encoder-decoder whose decoder it is, its tokenizer, and the first piece of all."""

    whole: Any
    tokenizer: Any
    start: int
    made: str

    def pieces(self, texts: Sequence[str], longest: int) -> tuple[list[list[int]], int]:
        """The pieces of each text with the end behind them, at most ``longest``; and how many texts were cut."""
        found = [one.ids for one in self.tokenizer.encode_batch_fast(list(texts))]
        cut = sum(len(ids) > longest for ids in found)
        return [ids if len(ids) <= longest else [*ids[: longest - 1], ids[-1]] for ids in found], cut


@dataclass
class Translate(Writing):
    """A text in another language, or in other words, by an encoder and a decoder trained together.

    ``min -Σ log p(piece | pieces before it, text)`` (Sutskever et al. 2014; Vaswani et al. 2017). The encoder is the
    backbone: a pretrained one, that of an earlier run (``--backbone RUN``: its encoder is shared with the new pair of
    languages, Zoph et al. 2016), or an untrained one (``small_transformer``). The decoder is new, with a tokenizer
    learned from the training part; of a folder with an encoder-decoder of transformers, decoder and tokenizer are those
    of the folder, and ``width``, ``depth`` and ``pieces`` have no effect. Both move. Answers are the most probable
    pieces one after another, or found with ``beams``; they need PyTorch. There is no choice of an epoch: ``epochs``
    says how long it learns. With a thousand pairs, prefer a folder that was trained on many.
    """

    name: ClassVar[str] = "translate"
    problems: ClassVar[tuple[str, ...]] = (Translation.kind,)
    slower: ClassVar[float] = 0.2

    smoothing: float = setting(0.1, "share of a piece's probability that all others have", (0.0, 0.2), {"below": 1})
    width: int = setting(128, "width of a new decoder", (64, 512), {"least": 8})
    depth: int = setting(2, "layers of a new decoder", (1, 6), {"least": 1})
    pieces: int = setting(4000, "pieces of a new tokenizer, at most", (300, 32000), {"least": 300})
    longest: int = setting(64, "pieces of a text, at most: longer ones are cut", (16, 512), {"least": 4})
    beams: int = setting(1, "texts that are followed at once in the search for the most probable", (1, 8), {"least": 1})

    def fit(self, task: Task) -> Fitted:
        """Train encoder and decoder (from the last checkpoint, if there is one)."""
        task.problem.check_learnable(task.train.y, f"the training part of {task.train.name!r}")
        begun = time.perf_counter()
        texts = [written(label) for label in task.train.y]
        target = self._target(task, texts)
        pieces, cut = target.pieces(texts, self.longest)
        notes = (target.made, *self._said_cut(task, cut, len(texts)))
        outcome, _, start = run_stages(self, task, self.stages(task, target, pieces))
        trained = time.perf_counter()
        encoder, network = outcome.result
        head, seconds = (
            self._writer(network, target, task.backbone.width),
            {"prepare": start - begun, "train": trained - start},
        )
        return self._fitted(task, encoder, head, outcome, notes, seconds)

    def _target(self, task: Task, texts: Sequence[str]) -> Target:
        """The decoder and the tokenizer of the folder that the backbone is of, or new ones."""
        from transferium.models.sources.transformers_models import quiet, text_preprocess
        from transferium.models.writing.decoder_network import loaded, new_decoder
        from transferium.models.writing.learned_tokenizer import CLS, PAD, SEP, train_tokenizer

        of = task.backbone.whole
        if of is not None:
            from tokenizers import Tokenizer

            with quiet():
                whole = loaded(of.folder, of.seed)
            if whole is not None:
                tokenizer = Tokenizer.from_file(str(text_preprocess(of.folder).tokenizer))
                tokenizer.no_truncation()
                tokenizer.no_padding()
                start = whole.config.decoder_start_token_id
                return Target(whole, tokenizer, int(start), f"decoder and tokenizer of {of.folder.name}")
        from tokenizers import processors

        tokenizer = train_tokenizer("bpe", texts, self.pieces, lowercase=False)
        special = {use: tokenizer.token_to_id(name) for use, name in (("pad", PAD), ("start", CLS), ("end", SEP))}
        tokenizer.post_processor = processors.TemplateProcessing(
            f"$A {SEP}", f"$A {SEP} $B:1 {SEP}:1", [(SEP, special["end"])]
        )
        size = tokenizer.get_vocab_size()
        with quiet():
            whole = new_decoder(self.width, self.depth, size, special, self.longest)
        return Target(whole, tokenizer, special["start"], f"new decoder, tokenizer of {size:,} pieces")

    def _said_cut(self, task: Task, cut: int, texts: int) -> list[str]:
        """What of the training part is longer than what is read and written, in words."""
        read = task.backbone.preprocess
        if not isinstance(read, TextPreprocess):
            raise DataError(f"{task.backbone.name} reads texts its own way, and translations need a tokenizer.")
        whole = read.shortened(1 << 20) if read.max_length < 1 << 20 else read
        longer = sum(
            len(ids) > read.max_length for ids in whole([str(task.train.samples.raw(i)) for i in range(texts)])
        )
        said = []
        if longer:
            said.append(
                f"{longer:,} of {texts:,} texts have more than {read.max_length} pieces and are read up to there"
            )
        if cut:
            said.append(
                f"{cut:,} of {texts:,} texts to be written have more than {self.longest} pieces and are cut there"
            )
        for words in said:
            warnings.warn(words, TransferiumWarning, stacklevel=4)
        return said

    def stages(
        self, task: Task, target: Target, pieces: list[list[int]]
    ) -> Generator[Stage, None, tuple[Any, DecoderNetwork]]:
        """One stage, and the networks that it leaves."""
        from transferium.models.writing.decoder_network import DecoderNetwork
        from transferium.objectives.writing.writing_loss import WritingLoss

        encoder, network = task.backbone.build(), DecoderNetwork(target.whole, task.backbone.width)
        objective = WritingLoss(pieces, target.start, self.smoothing)
        about = {"tokenizer": hashlib.sha256(target.tokenizer.to_str().encode()).hexdigest()}
        yield self._stage(task, task.train, (encoder, network), objective, about)
        return encoder, network

    def _writer(self, network: DecoderNetwork, target: Target, width: int) -> Writer:
        from transferium.models.writing.decoder_network import tensors_of

        tensors = {name: tensor.cpu().numpy().copy() for name, tensor in tensors_of(network).items()}
        tensors[TOKENIZER] = np.frombuffer(target.tokenizer.to_str().encode(), np.uint8).copy()
        told = (network.whole.config, network.whole.generation_config)
        config, generation = (json.loads(one.to_json_string(use_diff=True)) for one in told)
        return Writer(tensors, config, generation, width, self.longest, self.beams)
