"""Fine-tune a text classifier on texts that went to another language and back.

python examples/back_translation.py reviews.csv --text text --label label --there opus-mt-en-de --back opus-mt-de-en

Each folder holds a translation model of the transformers library, as ``hf download Helsinki-NLP/opus-mt-en-de
--local-dir opus-mt-en-de`` leaves one; nothing is downloaded here. Marian's own tokenizers need
``pip install sentencepiece sacremoses``.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from transferium.data.read import read
from transferium.embedding.embed import Embedder
from transferium.embedding.store.store import FeatureStore
from transferium.errors import InputError, TransferiumError
from transferium.job.fit.run import fit_job
from transferium.job.options import FitOptions
from transferium.job.stopwatch import Stopwatch
from transferium.methods.finetuning.finetune import FineTune
from transferium.training.augment.rewriting import Rewritten


@dataclass
class Translation:
    """One direction, by sampling: the likeliest translation of a translation says little that is new.

    Edunov et al., "Understanding back-translation at scale" (2018).
    """

    folder: Path
    batch_size: int = 32
    top_k: int = 10

    def __post_init__(self) -> None:
        if not (self.folder / "config.json").is_file():
            raise InputError(
                f"there is no translation model in {self.folder} (config.json is missing). Fetch one where there is a "
                "network, as in: hf download Helsinki-NLP/opus-mt-en-de --local-dir opus-mt-en-de"
            )

    def load(self) -> tuple[Any, Any]:
        """Tokenizer and model, from the folder alone."""
        from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

        try:
            tokenizer = AutoTokenizer.from_pretrained(self.folder, local_files_only=True)
            model = AutoModelForSeq2SeqLM.from_pretrained(self.folder, local_files_only=True)
        except ImportError as error:
            raise InputError(f"{self.folder} needs another library: {error}. Install it with pip.") from error
        except (OSError, ValueError) as error:
            raise InputError(f"{self.folder} cannot be read as a translation model: {error}") from error
        return tokenizer, model.eval()

    def __call__(self, texts: list[str]) -> list[str]:
        tokenizer, model = self.load()
        # Texts of like length together: least padding.
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        made = [""] * len(texts)
        for start in range(0, len(order), self.batch_size):
            rows = order[start : start + self.batch_size]
            batch = tokenizer([texts[i] for i in rows], return_tensors="pt", padding=True, truncation=True)
            longest = min(2 * batch["input_ids"].shape[1] + 10, model.config.max_position_embeddings - 1)
            with torch.no_grad():
                out = model.generate(
                    input_ids=batch["input_ids"],
                    attention_mask=batch["attention_mask"],
                    do_sample=True,
                    num_beams=1,
                    top_k=self.top_k,
                    max_length=None,
                    max_new_tokens=longest,
                )
            for i, text in zip(rows, tokenizer.batch_decode(out, skip_special_tokens=True), strict=True):
                made[i] = text
            print(f"{self.folder.name}: {min(start + self.batch_size, len(order))} of {len(order)}", file=sys.stderr)
        return made


@dataclass
class BackTranslation:
    """There and back; the same texts and seed give the same answers, and the caller's random numbers are left alone."""

    there: Translation
    back: Translation
    seed: int = 0

    def __call__(self, texts: list[str]) -> list[str]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return self.back(self.there(texts))


def main(arguments: list[str] | None = None) -> int:
    """Read the options, fine-tune, say what it was worth."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--text", required=True, help="column with texts")
    parser.add_argument("--label", required=True, help="column with labels")
    parser.add_argument("--there", type=Path, required=True, help="folder of the model that translates away")
    parser.add_argument("--back", type=Path, required=True, help="folder of the model that translates back")
    parser.add_argument("--out", type=Path, default=Path("runs/back_translation"))
    parser.add_argument("--epochs", type=int, default=4)
    given = parser.parse_args(arguments)
    try:
        translate = BackTranslation(Translation(given.there), Translation(given.back))
        method = FineTune(epochs=given.epochs, lr=3e-5, augment=Rewritten(translate, share=0.5))
        domain = read(given.data, text=given.text, label=given.label)
        run = fit_job(domain, FitOptions(given.out, method), Embedder(FeatureStore()), Stopwatch())
    except TransferiumError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{run['verdict_sentence']}\nWritten to {given.out}: see report.html for what the texts became.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
