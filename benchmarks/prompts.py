"""Prompts on networks that were pretrained here without labels: a word in a slot (PET), tokens beside patches (VPT).

- ``words``: the bundled text encoder reads on by ``mlm`` on reviews of books and electronics, and so gets a head for
  masked tokens; then eight labels a class of SST-2: that head as it is (zero-shot), PET, a soft prompt, the probe.
- ``pictures``: a small vision transformer by ``mim`` on half of MNIST without labels; then 20 labels a class of another
  quarter, of which a part is the test: visual prompts, LoRA, all of it, from scratch, the probe, 30 epochs each.

python benchmarks/prompts.py [words pictures] [--short]
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from few_shots import run
from record import DATA, record
from transferium.cli import main as transferium

WORDS = {"0": ["bad", "terrible"], "1": ["good", "great"]}
TEMPLATE = "{text} It was {mask}."


def pretrained(corpus: Path, objective: str, out: Path, epochs: int, *more: object) -> dict[str, Any]:
    """The facts of ``transferium pretrain``, whose encoder is in ``out``."""
    given = [str(corpus), "--objective", objective, "--set", f"epochs={epochs}", "--out", str(out), *map(str, more)]
    try:
        transferium(["--quiet", "pretrain", *given])
    except SystemExit as end:
        if end.code:
            raise
    return dict(json.loads((out / "pretraining.json").read_text()))


def words(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Scores at the slot before and after a few labels."""
    tables = [csv.read_csv(asked.data / "amazon_reviews" / f"{name}.csv") for name in ("books", "electronics")]
    every = 60 if asked.short else 3  # rows are sorted by label
    reviews = pa.concat_tables([table.take(list(range(0, table.num_rows, every))) for table in tables])
    pq.write_table(reviews.select(["text"]), folder / "reviews.parquet")
    more = ("--text", "text", "--backbone", "all_minilm_l6_v2", "--set", "length=64")
    facts = pretrained(folder / "reviews.parquet", "mlm", folder / "encoder", asked.epochs, *more)
    (folder / "words.json").write_text(json.dumps(WORDS))
    given = [asked.data / "sst2", "--shots", 8, "--draws", asked.draws, "--backbone", folder / "encoder"]
    told = ["--labels", folder / "words.json", "--set", f"templates={TEMPLATE}"]
    methods = run(*given, *told, "--method", "zero-shot,pet,probe")["few_shots"]["methods"]
    soft = run(*given, *told, "--method", "pet,probe", "--set", "tokens=16")["few_shots"]["methods"]
    return {"held_out": facts["held_out"], "methods": [*methods, soft[0] | {"method": "pet, tokens=16"}]}


def pictures(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """What moves little beside what moves everything."""
    digits = asked.data / "digits" / "mnist"
    for half in ("corpus", "labelled"):
        (folder / half).mkdir()
    for kind in sorted(digits.iterdir()):
        files = sorted(kind.iterdir())[: 60 if asked.short else None]
        for half, some in (("corpus", files[::2]), ("labelled", files[1::4])):
            (folder / half / kind.name).mkdir()
            for file in some:
                (folder / half / kind.name / file.name).symlink_to(file)
    small = ("--set", "layers=4", "--set", "width=96")
    facts = pretrained(folder / "corpus", "mim", folder / "encoder", asked.epochs, *small)
    given = [folder / "labelled", "--shots", 4 if asked.short else 20, "--draws", asked.draws]
    given += ["--set", f"epochs={1 if asked.short else 30}", "--backbone", folder / "encoder"]
    told = run(*given, "--method", "probe,vpt,lora,finetune,scratch")
    return {"held_out": facts["held_out"], "methods": told["few_shots"]["methods"]}


QUESTIONS = {"words": words, "pictures": pictures}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("questions", nargs="*", help=", ".join(QUESTIONS))
    parser.add_argument("--epochs", type=int, default=5, help="passes of pretraining")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--short", action="store_true", help="minutes, and nothing is written")
    parser.add_argument("--data", type=Path, default=DATA)
    asked = parser.parse_args()
    if asked.short:
        asked.epochs, asked.draws = 1, 2
    for name in asked.questions or QUESTIONS:
        with tempfile.TemporaryDirectory() as folder:
            record(f"prompts_{name}", QUESTIONS[name](asked, Path(folder)), dry=asked.short)


if __name__ == "__main__":
    main()
