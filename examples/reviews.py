# %% [markdown]
# # Texts: sentiment across products, in English and in Chinese
#
# Reviews of kitchenware teach what people like in books (Amazon), and reviews of tablets what they like in hotels
# (Chinese shops). English goes through the bundled encoder; Chinese through `char_ngrams`, which needs no weights.
# Back-translation as augmentation needs two translation models: `examples/back_translation.py`.
#
#     DATA=../shared/data python examples/reviews.py

# %%
import csv
import os
from pathlib import Path

import numpy as np

import transferium as tm

FOLDER = Path(os.environ.get("DATA", "../shared/data"))
ROWS = int(os.environ.get("ROWS", "1500"))
amazon, shops = FOLDER / "amazon_reviews", FOLDER / "zh_shopping10" / "all.csv"
for place in (amazon, shops):
    if not place.exists():
        raise SystemExit(
            f"{place} is not there. Say where the data sets are, as in DATA=folder python examples/reviews.py"
        )


def reviews(path: Path, domain: str = "") -> tuple[list[str], list[str]]:
    """Some reviews of a file, or of one domain in it, in random order, with their labels."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row.get("domain", "") == domain and row["text"]]
    some = [rows[i] for i in np.random.default_rng(0).permutation(len(rows))[:ROWS]]
    return [row["text"] for row in some], [row["label"] for row in some]


# %%
pairs = {
    "kitchen to books": ("all_minilm_l6_v2", reviews(amazon / "kitchen.csv"), reviews(amazon / "books.csv")),
    "tablets to hotels": ("char_ngrams", reviews(shops, "tablet"), reviews(shops, "hotel")),
}
for name, (backbone, source, (texts, labels)) in pairs.items():
    model = tm.TransferClassifier("auto", backbone=backbone).fit(texts, source=source)
    found = model.evaluate((texts, labels))
    print(f"{name}: {found['accuracy']}, source only {found.source_only['accuracy']}")
    print(found.verdict.sentence)
