# %% [markdown]
# # Driving: trained by day, used in fog and at night
#
# No pictures of roads are used here, but the question is theirs: photographs of seven things (`styles/photo`), learned
# from on a clear day, are seen through fog and in the dark. Four ways, on the same held-out photographs:
#
# - *as it is*: the probe of clear pictures;
# - *adapted*: `auto` with the bad pictures, without labels;
# - *augmented*: the probe of clear pictures and of the same under weather at random, which must be foreseen;
# - *clear*: the probe on clear pictures, which is what bad weather takes from.
#
#     DATA=../shared/data python examples/driving.py

# %%
import os
from pathlib import Path

import numpy as np
from PIL import Image

import transferium as tm
from transferium.evaluation.corruptions.corrupted_pictures import corrupted

FOLDER = Path(os.environ.get("DATA", "../shared/data")) / "styles" / "photo"
EACH = int(os.environ.get("EACH", "60"))
SEVERITY = 4
if not FOLDER.exists():
    raise SystemExit(
        f"{FOLDER} is not there. Say where the data sets are, as in DATA=folder python examples/driving.py"
    )


def seen(picture: np.ndarray, weather: str, severity: int, seed: int) -> np.ndarray:
    """A picture in fog, or at night: dark, and noisy as cameras are then."""
    rng = np.random.default_rng(seed)
    if weather == "night":
        picture, weather = (picture * (0.7 / severity)).astype(np.uint8), "gaussian noise"
        severity = 1
    return corrupted(picture, weather, severity, rng)


# %%
files = [(path, folder.name) for folder in sorted(FOLDER.iterdir()) for path in sorted(folder.glob("*.jpg"))[:EACH]]
order = np.random.default_rng(0).permutation(len(files))
pictures = [np.asarray(Image.open(files[i][0]).convert("RGB")) for i in order]
labels = [files[i][1] for i in order]
half = len(order) // 2
train, test = (pictures[:half], labels[:half]), (pictures[half:], labels[half:])
day = tm.TransferClassifier("probe").fit(*train)
print(f"{half} photographs to learn from, {len(order) - half} to test on")
print(f"clear       {day.evaluate(test)['accuracy']}")

# %% [markdown]
# Weather is drawn anew for each picture. The augmented probe has seen mild and heavy weather of both kinds.

# %%
rng = np.random.default_rng(1)
many = [seen(p, str(rng.choice(["fog", "night"])), int(rng.integers(1, 6)), i) for i, p in enumerate(train[0])]
augmented = tm.TransferClassifier("probe").fit(train[0] + many, train[1] * 2)
for weather in ("fog", "night"):
    bad = [seen(picture, weather, SEVERITY, 1000 + i) for i, picture in enumerate(test[0])]
    adapted = tm.TransferClassifier("auto").fit(bad, source=train)
    told = adapted.evaluate((bad, test[1]))
    print(f"\n{weather}: as it is {told.source_only['accuracy']}")
    print(f"adapted     {told['accuracy']}")
    print(f"augmented   {augmented.evaluate((bad, test[1]))['accuracy']}")
    print(told.verdict.sentence)
