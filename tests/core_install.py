"""Use the core install as its user would: no PyTorch, no socket. ``make core`` runs it beside the wheel alone."""

from __future__ import annotations

import csv
import os
import runpy
import socket
import sys
import tempfile
import time
from contextlib import redirect_stderr, redirect_stdout
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ABSENT = ("torch", "torchvision", "timm", "transformers", "accelerate", "onnx", "onnxscript", "sentence_transformers")


def refuse(*_args: object, **_kwargs: object) -> None:
    raise AssertionError("a socket was opened")


def run(*arguments: object, code: int = 0) -> None:
    """One command of the command line, in this process; ends the script where its exit code is another."""
    from transferium.cli import main

    words, said = [str(a) for a in arguments], StringIO()
    begin = time.perf_counter()
    try:
        with redirect_stdout(said), redirect_stderr(said):
            main(words)
    except SystemExit as ended:
        found = ended.code
    print(f"{time.perf_counter() - begin:5.1f} s  transferium {' '.join(words)}", flush=True)
    if found != code:
        sys.exit(f"{said.getvalue()}\nFAILED: exit code {found}, not {code}")


def write_data(folder: Path) -> None:
    """Texts in six areas, twice (two domains); some digits as pictures, and darker ones; a table of amounts."""
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_diabetes, load_digits

    texts: Any = runpy.run_path(str(ROOT / "examples" / "docstrings.py"))
    texts["write_table"](folder / "texts.csv")
    texts_of = list(csv.DictReader((folder / "texts.csv").open(encoding="utf-8")))
    for name, part in (("source.csv", texts_of[::2]), ("target.csv", texts_of[1::2])):
        with (folder / name).open("w", newline="", encoding="utf-8") as out:
            csv.writer(out).writerows([("text", "area"), *((row["text"], row["area"]) for row in part)])
    digits = load_digits()
    for number, (pixels, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        if label < 3 and number < 500:
            for domain, ink in (("light", 16), ("dark", 8)):
                path = folder / domain / str(label) / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray((pixels * ink).clip(0, 255).astype(np.uint8)).save(path)
    table = load_diabetes()
    with (folder / "amounts.csv").open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows(
            [[*table.feature_names, "label"], *np.column_stack([table.data, table.target]).tolist()]
        )


def use(folder: Path) -> None:
    """The main job, adaptation, prediction, evaluation and the estimator."""
    texts = ("--text", "text", "--label", "area")
    run("fit", folder / "texts.csv", *texts, "--out", folder / "run")
    run("predict", folder / "run", folder / "target.csv", "--text", "text", "--out", folder / "predictions.csv")
    run("evaluate", folder / "run", folder / "target.csv", *texts)
    run("fit", folder / "target.csv", "--source", folder / "source.csv", *texts, "--out", folder / "adapted")
    run("evaluate", folder / "adapted", folder / "target.csv", *texts)
    run("compare", folder / "source.csv", folder / "target.csv", *texts)
    run("fit", folder / "texts.csv", *texts, "--backbone", "char_ngrams", "--out", folder / "ngrams")
    run("fit", folder / "light", "--out", folder / "pictures")
    run("predict", folder / "pictures", folder / "dark")
    for method in ("coral", "jda", "ot", "prototypes", "em"):
        run("fit", folder / "dark", "--source", folder / "light", "--method", method, "--out", folder / method)
    for method in ("ncm", "cosine", "knn"):
        run("fit", folder / "light", "--method", method, "--out", folder / method)
    run("fit", folder / "amounts.csv", "--problem", "regression", "--out", folder / "amounts")
    run("inspect", folder / "light")
    tuned = ROOT / "tests" / "fixtures" / "version_0_1" / "pictures_tuned"
    run("predict", tuned, tuned / "input")
    for refused in (("finetune",), ("probe", "--backbone", "timm/resnet18"), ("dann", "--source", folder / "light")):
        run("fit", folder / "dark", "--method", *refused, "--out", folder / "refused", code=2)

    import transferium as tm

    pictures = tm.read(folder / "light")
    model = tm.TransferClassifier().fit(pictures)
    model.save(folder / "saved")
    if list(tm.load(folder / "saved").predict(pictures)) != list(model.predict(pictures)):
        sys.exit("FAILED: a saved estimator answers otherwise")


if __name__ == "__main__":
    if there := [name for name in ABSENT if find_spec(name)]:
        sys.exit(f"FAILED: the core is not alone: {', '.join(there)} can be imported")
    socket.socket.connect = refuse
    socket.create_connection = socket.getaddrinfo = refuse
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["TRANSFERIUM_HOME"] = str(Path(temporary) / "home")
        write_data(Path(temporary))
        use(Path(temporary))
    print("the core install holds")
