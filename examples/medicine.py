# %% [markdown]
# # Medicine: what small tumours say about large ones
#
# The breast cancer table of scikit-learn (Wisconsin, 569 women), cut in two by the mean area of the nuclei. In the half
# with small ones 6 % are malignant, in the other 69 %: a model of the one must not carry its class shares to the other.
# The labels of the second half are looked at in the evaluation alone, but for `few`: twenty of them, in the last row.
#
# No corpus of medical texts is used: notes of patients (MIMIC) need a contract, and abstracts of papers are no such
# notes. `transferium pretrain corpus.txt --backbone all_minilm_l6_v2 --out encoder` reads yours.
#
#     python examples/medicine.py

# %%
import numpy as np
from sklearn.datasets import load_breast_cancer

import transferium as tm

table = load_breast_cancer(as_frame=False)
X, y = table.data, np.where(table.target == 0, "malignant", "benign")
area = X[:, list(table.feature_names).index("mean area")]
small = area <= np.median(area)
for name, half in {"small (source)": small, "large (target)": ~small}.items():
    print(f"{name}: {half.sum()} women, {np.mean(y[half] == 'malignant'):.0%} malignant")

# %%
source, few = (X[small], y[small]), np.random.default_rng(0).permutation(np.flatnonzero(~small))[:20]
test = np.setdiff1d(np.flatnonzero(~small), few)


def show(name: str, model: tm.TransferClassifier) -> None:
    """What matters here: how many malignant tumours are found, and how many of the called ones are malignant."""
    found = model.evaluate((X[test], y[test]))
    answered = model.predict(X[test])
    called, true = answered == "malignant", y[test] == "malignant"
    precision = true[called].mean() if called.any() else float("nan")
    print(
        f"{name:28} accuracy {found['accuracy']}, {called[true].mean():.1%} found, {precision:.1%} of the called right"
    )
    if hasattr(found, "verdict"):
        print(f"{'':28} {found.verdict.sentence}")


show("source only", tm.TransferClassifier("probe").fit(*source))
for method in ("auto", "label-shift", "coral"):
    show(method, tm.TransferClassifier(method).fit(X[test], source=source))
show("twenty labels of the target", tm.TransferClassifier("probe").fit(X[few], y[few]))
show("auto, and those twenty", tm.TransferClassifier("auto").fit(X[test], source=source, few=(X[few], y[few])))
