# %% [markdown]
# # Income: what a table of one group says about another
#
# Adult (census of 1994): a model of people born in North America is carried to people born elsewhere, whose incomes are
# looked at in the last evaluation alone. Fewer of these earn more than 50,000 dollars, so that `label-shift` stands
# beside source only and `auto`. Then: is the model worse for some of them?
#
#     DATA=../shared/data python examples/income.py

# %%
import csv
import os
from collections import Counter
from pathlib import Path

import transferium as tm

FOLDER = Path(os.environ.get("DATA", "../shared/data")) / "adult"
ROWS = int(os.environ.get("ROWS", "6000"))
HOME = {"United-States", "Canada"}
if not FOLDER.exists():
    raise SystemExit(f"{FOLDER} is not there. Say where the data sets are, as in DATA=folder python examples/income.py")


def table(part: str) -> list[dict[str, str]]:
    """The people of a part whose country is known."""
    with (FOLDER / f"{part}.csv").open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["native_country"] not in ("", "?")]


def rows(people: list[dict[str, str]]) -> dict[str, list[str]]:
    """Columns without the country, which tells the two groups apart and nothing else."""
    return {name: [row[name] for row in people] for name in people[0] if name not in ("native_country", "fnlwgt")}


# %%
home = [row for row in table("train") if row["native_country"] in HOME][:ROWS]
away = [row for row in table("test") if row["native_country"] not in HOME][:ROWS]
for name, people in {"source": home, "target": away}.items():
    shares = Counter(row["income"] for row in people)
    print(f"{name}: {len(people)} people, {shares['>50K'] / len(people):.1%} above 50,000")

# %% [markdown]
# The target goes to `fit` without its labels. `evaluate` compares with the model that never saw the target.

# %%
source = tm.read(rows(home), label="income")
target = rows(away)
labels = target.pop("income")
for method in ("auto", "label-shift"):
    model = tm.TransferClassifier(method).fit(target, source=source)
    found = model.evaluate((target, labels))
    print(f"\n{method}: accuracy {found['accuracy']}, source only {found.source_only['accuracy']}")
    print(found.verdict.sentence)

# %% [markdown]
# Subgroups of the target, each with its interval; which of them are worse off, with control for many comparisons.

# %%
groups = model.evaluate((target, labels), by=[row["sex"] for row in away]).sides["subgroups"]
for row in groups["groups"]:
    print(f"{row['group']:8} {row['examples']:5} people, accuracy {row['accuracy']['value']:.1%}")
print("worse off than the others:", ", ".join(groups["worse_off"]) or "none that these examples show")
