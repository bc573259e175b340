# %% [markdown]
# # Recommendation: what 500 users know about films, carried to a new user with 5, 10 or 20 ratings
#
# The source are the ratings of 500 users (MovieLens latest small): a truncated SVD of them gives every film a vector,
# and says how much users differ along it. The target is one new user at a time. Two ways to carry the vectors over: a
# probe on them, which knows nothing but the few ratings, and a ridge that begins where the 500 users are on the mean,
# and moves as far as they differ (the idea of L2-SP). Beside them stand the same probe on random vectors, and means.
#
#     DATA=../shared/data python examples/recommendation.py

# %%
import csv
import os
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import svds

import transferium as tm
from transferium.functional.bootstrap import mean_interval

DATA = Path(os.environ.get("DATA", "../shared/data")) / "movielens_small" / "ratings.csv"
NEW = int(os.environ.get("USERS", "110"))
WIDTH, FEWEST = 16, 40
if not DATA.exists():
    raise SystemExit(
        f"{DATA} is not there. Say where the data sets are, as in DATA=folder python examples/recommendation.py"
    )

# %% [markdown]
# Films are numbered by how often the 500 users rated them; films that they rated fewer than five times are left out.

# %%
with DATA.open(encoding="utf-8", newline="") as file:
    rows = [(int(row["userId"]), int(row["movieId"]), float(row["rating"])) for row in csv.DictReader(file)]
user, film, rating = (np.array(column) for column in zip(*rows, strict=True))
users = np.random.default_rng(0).permutation(np.unique(user))
known, new = users[:500], users[500 : 500 + NEW]
often = np.unique(film[np.isin(user, known)], return_counts=True)
films = often[0][often[1] >= 5]
kept = np.isin(film, films)
user, film, rating = user[kept], np.searchsorted(films, film[kept]), rating[kept]
print(f"{len(films)} films, {len(known)} known users, {len(new)} new ones")

# %% [markdown]
# What was learned: each known user's ratings less their mean; of films, the mean of that (drawn towards 0 where ratings
# are few) and the leading right singular vectors of what is left.

# %%
old = np.isin(user, known)
rank = np.searchsorted(np.sort(known), user[old])
mean = np.bincount(rank, rating[old]) / np.bincount(rank)
centred = rating[old] - mean[rank]
offset = np.bincount(film[old], centred, len(films)) / (np.bincount(film[old], minlength=len(films)) + 5)
matrix = csr_matrix((centred - offset[film[old]], (rank, film[old])), (len(known), len(films)))
_, strength, right = svds(matrix, k=WIDTH, rng=0)
vectors = right.T * strength / np.sqrt(len(known))  # scaled so that users differ by 1 along each number
left = centred - offset[film[old]]
noise = float(np.var(left) - (vectors**2).sum(1)[film[old]].mean())
random = np.random.default_rng(1).standard_normal(vectors.shape) * vectors.std(0)


def carried(seen: np.ndarray, level: float) -> np.ndarray:
    """A new user's answers for all films: those of the mean user, moved by a ridge of the source's penalty."""
    x, missing = vectors[film[seen]], rating[seen] - level - offset[film[seen]]
    return level + offset + vectors @ np.linalg.solve(x.T @ x + noise * np.eye(WIDTH), x.T @ missing)


# %%
def errors(who: int, labels: int) -> dict[str, float] | None:
    """Mean absolute errors on the films of ``who`` that were not learned from; nothing where there are too few."""
    his = np.random.default_rng(who).permutation(np.flatnonzero(user == who))
    if len(his) < FEWEST or len(set(rating[his[:labels]])) < 2:
        return None
    seen, test = his[:labels], his[20:]
    level = rating[seen].mean()
    answers = {"mean of the user": np.full(len(test), level), "mean of the film": level + offset[film[test]]}
    answers["vectors, moved a little"] = carried(seen, level)[film[test]]
    for name, rows in {"probe on vectors": vectors, "probe on random ones": random}.items():
        model = tm.TransferRegressor("probe").fit(rows[film[seen]], rating[seen])
        answers[name] = model.predict(rows[film[test]])
    return {name: float(np.abs(answer - rating[test]).mean()) for name, answer in answers.items()}


# %% [markdown]
# Mean over the new users, with 95 % intervals over users of the gain on what would be done without any source: the
# user's own mean.

# %%
for labels in (5, 10, 20):
    found = [row for who in new if (row := errors(who, labels))]
    print(f"\n{labels} ratings each, {len(found)} users with {FEWEST} ratings and more")
    for name in found[0]:
        gain = mean_interval(np.array([row["mean of the user"] - row[name] for row in found]), seed=0)
        word = "helped" if gain.low > 0 else "hurt" if gain.high < 0 else "no evidence"
        print(f"  {name:24} error {np.mean([row[name] for row in found]):.3f}   gain {gain}  {word}")
