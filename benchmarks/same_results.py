"""Did a change of the code change any result? Record many small jobs before and after it, and compare.

    python benchmarks/same_results.py record before --source ../old/src
    python benchmarks/same_results.py record after
    python benchmarks/same_results.py compare before after

Only public faces are used: the command line, and ``import transferium as tm``. Compare recordings of one machine only.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import os
import re
import runpy
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().parents[1] / "src"
ADAPT = "fit t.csv --source s.csv --label label"
DEEP = f"{ADAPT} --set epochs=2 --set batch_size=16 --set bottleneck=16"
TRAIN = "fit pictures --backbone small_cnn --set epochs=2 --set batch_size=4"
TEXTS = "fit texts.csv --text text --label label"
OF_TEXTS = "fit more.csv --source texts.csv --text text --label label"
MOVING = "fit more --source pictures --backbone small_cnn --set epochs=1 --set bottleneck=16"

FAMILIES: dict[str, dict[str, str]] = {
    "frozen": {
        **{f"{m} on rows": f"fit s.csv --method {m}" for m in ("probe", "ncm", "cosine", "knn", "auto")},
        "probe on npz": "fit rows.npz --method probe --set class_weight=balanced --seed 3",
        "knn euclidean": "fit s.csv --method knn --set metric=euclidean --test-size 0.4",
        "probe on small_cnn": "fit pictures --backbone small_cnn --method probe",
        "probe on pictures": "fit pictures --method probe --set size=32",
        "cosine on pictures": "fit divided --method cosine --set size=32",
        "probe on char_ngrams": f"{TEXTS} --backbone char_ngrams --method probe",
        "ncm on char_ngrams": f"{TEXTS} --backbone char_ngrams --method ncm --group group",
        "auto on texts": TEXTS,
        "predict rows": "predict runs/probe-on-rows t.csv --label label",
        "predict rows as json": "predict runs/knn-on-rows t.csv --label label --json",
        "predict pictures": "predict runs/probe-on-pictures more",
        "predict a picture": "predict runs/probe-on-small_cnn more/red/03.png",
        "predict texts": "predict runs/probe-on-char_ngrams more.csv --text text",
        "evaluate rows": "evaluate runs/probe-on-rows t.csv --label label",
        "evaluate pictures": "evaluate runs/cosine-on-pictures more --json",
        "evaluate texts": "evaluate runs/probe-on-char_ngrams more.csv --text text --label label",
    },
    "training": {
        **{
            m: f"{TRAIN} --method {m}"
            for m in [
                "finetune",
                "lp-ft",
                "l2-sp",
                "l2",
                "delta",
                "lwf",
                "bss",
                "adversarial",
                "bi-tuning",
                "stochnorm",
                "scratch",
            ]
        },
        **{m: f"{TRAIN} --method {m}" for m in ("frozen-sgd", "frozen-dense", "all-adam")},
        "all-adamw": f"{TRAIN} --method all-adamw --set weight_decay=0.1",
        "gradual": f"{TRAIN} --method gradual",
        "co-tuning": "fit pictures --method co-tuning --set size=32 --set epochs=1 --set unfreeze=1",
        "unfreeze over a cached prefix": f"{TRAIN} --method finetune --set unfreeze=1 --set augment=none",
        "ema": f"{TRAIN} --method finetune --set average=ema --set ema_decay=0.9",
        "swa": f"{TRAIN} --method finetune --set average=swa",
        "soup": f"{TRAIN} --method finetune --set average=soup --set best_epoch=accuracy",
        "mixup and cutmix": f"{TRAIN} --method finetune --set mixup=0.3 --set cutmix=0.5 --set label_smoothing=0.1",
        "augmented": f"{TRAIN} --method finetune --set augment=strong --set mirror=yes",
        "balanced": f"{TRAIN} --method finetune --set class_weights=balanced --set head=linear",
        "balanced sampling": f"{TRAIN} --method lp-ft --set sampling=balanced --set accumulate=2",
        "pgd": f"{TRAIN} --method adversarial --set attack=pgd --set steps=2",
        "hidden layers": "fit s.csv --method finetune --set epochs=3 --set hidden=16,8 --set head_dropout=0.2",
        "range of rates": "fit s.csv --method finetune --set epochs=2 --lr auto",
        "sgd": "fit s.csv --method finetune --set epochs=3 --set optimiser=sgd --set schedule=step",
        "lion": "fit s.csv --method finetune --set epochs=3 --set optimiser=lion --set schedule=one-cycle",
        "muon": f"{TRAIN} --method finetune --set optimiser=muon --set augment=none",
        "adversarial on rows": "fit s.csv --method adversarial --set epochs=2",
        "finetune on char_ngrams": f"{TEXTS} --backbone char_ngrams --method finetune --set epochs=2",
        "finetune on texts": f"{TEXTS} --method finetune --set epochs=1 --set unfreeze=1 --set augment=light",
        "auto with time": "fit pictures --backbone small_cnn --budget 100h --set candidates=finetune --set folds=2",
        "tune the probe": "tune s.csv --method probe --search folds=2:4 --folds 2 --trials 2",
        "tune finetune": "tune s.csv --search lr=1e-4:1e-2 --set epochs=2 --folds 2 --trials 2 --seed 1",
        "predict tuned": "predict runs/finetune more",
        "evaluate attacked": "evaluate runs/adversarial more",
    },
    "shallow": {
        **{
            m: f"{ADAPT} --method {m}"
            for m in [
                "source-only",
                "standardise",
                "coral",
                "subspace",
                "tca",
                "jda",
                "bda",
                "ot",
                "linear-map",
                "kmm",
                "density-ratio",
                "label-shift",
                "bbse",
                "em",
                "prototypes",
                "auto",
            ]
        },
        "linear-map by prototypes": f"{ADAPT} --method linear-map --set pairs=prototypes",
        "half of coral": f"{ADAPT} --method coral --set strength=0.5 --map tsne --seed 2",
        **{f"{m} with few": f"{ADAPT} --few few.csv --method {m}" for m in ("pooled", "tradaboost", "prototypes")},
        "coral with few": f"{ADAPT} --few few.csv --method coral",
        "auto with few": f"{ADAPT} --few few.csv --set adaptations=standardise,coral",
        "auto by oracle": f"{ADAPT} --oracle --set adaptations=standardise,coral,mcc --set epochs=2",
        "auto by validators": f"{ADAPT} --set adaptations=coral,jda --set validators=dev,snd,information",
        "without labels": "fit bare.csv --source s.csv --method auto --set adaptations=standardise,coral",
        "two sources": "fit t.csv --source s.csv few.csv --label label --method coral",
        "weighted sources": "fit t.csv --source s.csv other.csv --label label --method coral --set sources=weighted",
        "votes of sources": "fit t.csv --source s.csv other.csv --label label --method coral --set sources=votes",
        "texts": f"{OF_TEXTS} --backbone char_ngrams --method standardise",
        "pictures": "fit more --source pictures --backbone small_cnn --method coral",
        "evaluate adapted": "evaluate runs/coral t.csv --label label",
        "evaluate an election": "evaluate runs/auto-by-oracle t.csv --label label --json",
        "predict adapted": "predict runs/coral other.csv --label label",
    },
    "deep": {
        **{
            m: f"{DEEP} --method {m}"
            for m in [
                "source-network",
                "dan",
                "jan",
                "deep-coral",
                "afn",
                "bnm",
                "mcc",
                "infomax",
                "dann",
                "bsp",
                "cdan",
                "cdan-e",
                "mdd",
                "mcd",
                "cgn",
                "vada",
                "fixmatch",
                "mean-teacher",
                "adabn",
            ]
        },
        "adda": f"{DEEP} --method adda --set adapt_epochs=1",
        "can": f"{DEEP} --method can --set rounds=2 --set round_epochs=1",
        "pseudo-label": f"{DEEP} --method pseudo-label --set threshold=0.4 --set rounds=2 --set round_epochs=1",
        "noisy-student": f"{DEEP} --method noisy-student --set rounds=2 --set round_epochs=1",
        "shot": f"{DEEP} --method shot --set rounds=2",
        "tent": f"{DEEP} --method tent --set rounds=2",
        "fixmatch of many": f"{DEEP} --method fixmatch --set threshold=0.34 --set growth=fixed",
        "linear dan": f"{DEEP} --method dan --set linear=yes --set growth=fixed",
        "per-domain statistics": f"{DEEP} --method dann --set statistics=each",
        "mcc with few": f"{DEEP} --few few.csv --method mcc",
        "votes of networks": "fit t.csv --source s.csv other.csv --label label --method mcc --set epochs=2 "
        "--set sources=votes",
        "shot from a run": "fit t.csv --source runs/source-network --label label --method shot --set rounds=2",
        "tent from a run": "fit t.csv --source runs/source-network --label label --method tent",
        "moving dann": f"{MOVING} --method dann --set tuning=full",
        "moving mcd": f"{MOVING} --method mcd --set tuning=partial --set unfreeze=1",
        "moving adabn": f"{MOVING} --method adabn --set tuning=full",
        "moving shot": f"{MOVING} --method shot --set tuning=full --set rounds=1",
        "low rank on texts": f"{OF_TEXTS} --method mcc --set tuning=lora --set epochs=1 --set max_length=16",
        "low rank": "fit more --source pictures --method mcc --set tuning=lora --set epochs=1 --set size=32",
        "predict deep": "predict runs/dann other.csv --label label",
        "evaluate deep": "evaluate runs/moving-dann more",
    },
    "around": {
        "methods": "methods",
        "methods as json": "methods --json",
        "backbones": "backbones",
        "backbones as json": "backbones --json",
        "version": "--version",
        "help": "--help",
        **{
            f"help of {c}": f"{c} --help"
            for c in ["fit", "predict", "evaluate", "inspect", "compare", "tune", "cache", "methods"]
        },
        "inspect rows": "inspect s.csv --label label",
        "inspect pictures": "inspect pictures --backbone small_cnn --json",
        "inspect texts": "inspect texts.csv --text text --label label --backbone char_ngrams",
        "inspect augmented": "inspect texts.csv --text text --label label --augment eda",
        "compare rows": "compare s.csv t.csv --label label",
        "compare pictures": "compare pictures more --backbone small_cnn --json",
        "compare texts": "compare texts.csv more.csv --text text --label label --backbone char_ngrams",
        "resume nothing": "fit --resume runs/nothing",
        "no such data": "fit picturez --method probe",
        "no such method": "fit s.csv --method prob",
        "no such setting": "fit s.csv --method probe --set fold=3",
        "no such backbone": "fit pictures --backbone smal_cnn",
        "no such command": "fot s.csv",
        "no such column": "fit texts.csv --text text --label labl",
        "no such source": "fit t.csv --source nothing.csv --method coral",
        "bad value": "fit s.csv --method finetune --set epochs=-1",
        "bad choice": "fit s.csv --method finetune --set optimiser=adm",
        "wrong kind": "fit texts.csv --text text --label label --backbone small_cnn",
        "adaptation without a source": "fit s.csv --method coral",
        "one class": "fit one.csv --method probe",
        "an empty folder": "fit empty",
        "few without a source": "fit s.csv --few few.csv",
        "trials": "tune s.csv --method probe --search fold --trials 1",
        "not a run": "predict pictures more",
        "another width": "predict runs/probe-on-rows wide.csv",
        "bad validators": f"{ADAPT} --set validators=dew",
        "shot with few": f"{ADAPT} --few few.csv --method adabn",
    },
}
"""Commands by family and name; ``fit`` and ``tune`` write into ``runs/<name>``."""

UNIT = r"\s?(s|ms|min|minutes?|seconds?|h)\b"
TIMES = re.compile(rf"\b\d+(\.\d+)?{UNIT}(\s\d+{UNIT})*")
DATES = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?([+-]\d\d:\d\d|Z)?( UTC)?)?")
TIMING = re.compile(r"<section(?:(?!<section).)*?from start to finish.*?</section>", re.DOTALL)
"""The part of a report that says what took how long."""
PASSING = {"created", "seconds", "versions", "python", "machine", "command", "time", "took", "elapsed", "rate"}
"""Keys of JSON files whose values differ between two runs of the same code."""


def write_table(path: Path, count: int, seed: int, *, shift: float = 0.0, labels: str = "abc", width: int = 8) -> None:
    """Three clusters of feature rows, moved by ``shift``; no labels where ``labels`` is empty."""
    import numpy as np

    x, y = clusters(count, seed, shift, width)
    names = [f"f{i}" for i in range(width)] + (["label"] if labels else [])
    rows = [
        [*(f"{v:.5f}" for v in row), *([labels[k % len(labels)]] if labels else [])]
        for row, k in zip(np.asarray(x), y, strict=True)
    ]
    path.write_text("\n".join(",".join(row) for row in [names, *rows]) + "\n")


def clusters(count: int, seed: int, shift: float, width: int = 8) -> tuple[Any, Any]:
    """Rows and classes; the centres are the same whatever the seed."""
    import numpy as np

    rng, centres = np.random.default_rng(seed), np.random.default_rng(9).normal(0, 1.2, (3, width))
    y = rng.permutation(np.arange(count) % 3)
    return centres[y] + (1 + shift / 2) * rng.normal(size=(count, width)) + shift, y


def write_pictures(folder: Path, count: int, seed: int) -> None:
    """Class folders of noisy red and, fewer, green pictures."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(seed)
    for name, colour in {"red": (160, 90, 90), "green": (90, 160, 90)}.items():
        (folder / name).mkdir(parents=True)
        for i in range(count if name == "red" else count * 2 // 3):
            pixels = np.clip(rng.normal(colour, 80, (32, 36, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i:02d}.png")


def write_texts(path: Path, count: int, seed: int) -> None:
    """Sentences of good and bad words."""
    import numpy as np

    rng = np.random.default_rng(seed)
    words = {"good": ["great", "lovely", "bright", "happy", "fine"], "bad": ["awful", "broken", "dull", "sad", "poor"]}
    both = ["the", "film", "room", "food", "service", "was", "very", "and", "quite", "today"]
    lines = ["text,label,group"]
    for i in range(count):
        label = ("good", "bad")[i % 2]
        said = [*rng.choice(both, 5), *rng.choice(words[label], 1), *rng.choice(words["good"] + words["bad"], 1)]
        lines.append(f"{' '.join(rng.permutation(said))},{label},{i // 2}")
    path.write_text("\n".join(lines) + "\n")


def make_data(folder: Path) -> None:
    """Everything that the jobs read, from fixed seeds."""
    import numpy as np

    write_table(folder / "s.csv", 60, 0)
    write_table(folder / "t.csv", 48, 1, shift=0.6)
    write_table(folder / "few.csv", 9, 2, shift=0.6)
    write_table(folder / "other.csv", 45, 3, shift=-0.4)
    write_table(folder / "bare.csv", 48, 1, shift=0.6, labels="")
    write_table(folder / "one.csv", 12, 4, labels="a")
    write_table(folder / "wide.csv", 12, 5, width=9)
    x, y = clusters(48, 6, 0.0)
    np.savez(folder / "rows.npz", X=x.astype(np.float32), y=np.array(list("abc"))[y])
    write_pictures(folder / "pictures", 12, 0)
    write_pictures(folder / "more", 10, 1)
    write_pictures(folder / "divided" / "train", 8, 2)
    write_pictures(folder / "divided" / "val", 5, 3)
    write_texts(folder / "texts.csv", 32, 0)
    write_texts(folder / "more.csv", 24, 1)
    (folder / "empty").mkdir()


def in_python() -> Iterator[tuple[str, Callable[[], Any]]]:
    """Jobs through ``import transferium as tm``: a name, and what gives figures."""
    import numpy as np

    import transferium as tm

    (x, y), (z, truth) = clusters(48, 0, 0.0), clusters(40, 1, 0.6)
    labels = np.array(list("abc"))

    def answers(model: Any, rows: Any = z) -> Any:
        return {"classes": [str(c) for c in model.classes_], "p": np.asarray(model.predict_proba(rows)).tolist()}

    for method in ("probe", "ncm", "cosine", "knn"):
        yield f"fit {method}", lambda m=method: answers(tm.TransferClassifier(m, random_state=1).fit(x, y))
    few = {"few": (z[:6], labels[truth[:6]])}
    for method, more in (("coral", {}), ("bbse", {}), ("tradaboost", few), ("pooled", few)):
        yield (
            f"adapt {method}",
            lambda m=method, k=more: answers(tm.TransferClassifier(m).fit(z, source=(x, labels[y]), **k)),
        )
    short = {"epochs": 2, "bottleneck": 16}
    yield "adapt dann", lambda: answers(tm.TransferClassifier("dann", settings=short).fit(z, source=(x, y)))
    home = tm.TransferClassifier().fit(x, y)
    yield "adapt a model", lambda: answers(tm.TransferClassifier("shot", settings={"rounds": 2}).fit(z, source=home))
    yield "evaluate", lambda: home.evaluate((z, truth)).as_dict()
    yield (
        "evaluate adapted",
        lambda: tm.TransferClassifier("coral").fit(z, source=(x, y)).evaluate((z, truth)).as_dict(),
    )
    read = tm.read("pictures")
    yield "read", lambda: [read.kind, list(read.ids), list(read.classes), np.asarray(read.labels).tolist()]
    cnn = tm.TransferClassifier(backbone="small_cnn")
    yield "fit pictures", lambda: answers(cnn.fit(read), [f"more/red/0{i}.png" for i in range(4)])
    words = ["great film", "awful food", "fine room", "sad service"] * 4
    ngrams = tm.TransferClassifier(backbone="char_ngrams")
    yield "fit texts", lambda: answers(ngrams.fit(words, ["good", "bad"] * 8), words[:4])

    def loaded() -> Any:
        home.save("saved")
        return answers(tm.load("saved"))

    yield "save and load", loaded
    for name, kind in (("small_cnn", "image"), ("char_ngrams", "text"), (None, "image"), (None, "text")):
        yield f"fingerprint of {name} for {kind}", lambda n=name, k=kind: tm.find_backbone(n, k).fingerprint
    for run in ("probe-on-rows", "coral", "dann", "finetune"):
        rows: Any = ["more/red/01.png", "more/green/02.png"] if run == "finetune" else z
        yield f"load the run {run}", lambda r=run, d=rows: answers(tm.load(f"runs/{r}"), d)


def steady(text: str) -> str:
    """Text without paths, dates and times; blanks and rules are as long as anywhere."""
    for path in (str(Path.cwd()), os.environ["TRANSFERIUM_HOME"], os.environ["PYTHONPATH"]):
        text = text.replace(path, "<folder>")
    text = TIMES.sub("<time>", DATES.sub("<date>", text))
    return re.sub(r"-{2,}", "--", re.sub(r"[ \t]+", " ", text))


def without_passing(value: Any) -> Any:
    """JSON without what differs between two runs of the same code."""
    if isinstance(value, dict):
        return {key: without_passing(kept) for key, kept in value.items() if key not in PASSING}
    if isinstance(value, list):
        return [without_passing(kept) for kept in value]
    return steady(value) if isinstance(value, str) else value


def digest(raw: bytes | str) -> str:
    """SHA-256."""
    return hashlib.sha256(raw.encode() if isinstance(raw, str) else raw).hexdigest()


def files_of(folder: Path) -> dict[str, Any]:
    """What a run wrote: small JSON as it is, everything else as a hash."""
    found: dict[str, Any] = {}
    metrics = folder / "metrics.json"
    # The page of a search draws how long each candidate took: only its figures are kept.
    timed = metrics.exists() and '"seconds"' in json.dumps(json.loads(metrics.read_text(encoding="utf-8"))["selection"])
    for file in sorted(folder.rglob("*")):
        name = str(file.relative_to(folder))
        if file.suffix in {".safetensors", ".csv"}:
            found[name] = digest(file.read_bytes())
        elif file.suffix == ".json":
            found[name] = without_passing(json.loads(file.read_text(encoding="utf-8")))
        elif file.name == "report.html" and not timed:
            page = TIMING.sub("", file.read_text(encoding="utf-8"))
            found[name] = digest(" ".join(steady(page).split()))
    return found


def called(command: str, name: str) -> dict[str, Any]:
    """Run one command line in this process: its exit code, what it printed and what it wrote."""
    out = Path("runs") / name.replace(" ", "-")
    arguments = shlex.split(command)
    if arguments[0] in {"fit", "tune"} and "--resume" not in arguments:
        arguments += ["--out", str(out)]
    code, said, errors, before = 0, io.StringIO(), io.StringIO(), sys.argv
    sys.argv = ["transferium", *arguments]
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(errors):
            runpy.run_module("transferium", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        code = int(ended.code or 0) if not isinstance(ended.code, str) else 1
    finally:
        sys.argv = before
    told = {"code": code, "stdout": steady(said.getvalue()), "files": files_of(out)}
    return told | ({"stderr": steady(errors.getvalue())} if code else {})


def work(family: str) -> None:
    """All jobs of one family, in this process; their results are written to ``<family>.json``."""
    results: dict[str, Any] = {}
    jobs: Any = in_python() if family == "python" else FAMILIES[family].items()
    for name, job in jobs:
        start = time.perf_counter()
        try:
            found = called(job, name) if isinstance(job, str) else {"code": 0, "figures": without_passing(job())}
        except Exception as error:
            found = {"code": 1, "error": steady(f"{type(error).__name__}: {error}")}
        results[f"{family}: {name}"] = found
        print(f"{time.perf_counter() - start:5.1f} s  exit {found['code']}  {family}: {name}", flush=True)
    Path(f"{family}.json").write_text(json.dumps(results))


def record(out: Path, source: Path, only: list[str]) -> None:
    """Run every family with the code in ``source`` and write ``out/results.json``."""
    results: dict[str, Any] = {}
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="same-results-") as temporary:
        folder = Path(temporary).resolve() / "work"
        folder.mkdir()
        make_data(folder)
        settings = {
            "PYTHONPATH": str(source.resolve()),
            "TRANSFERIUM_HOME": str(folder.parent / "home"),
            "HF_HUB_OFFLINE": "1",
            "TRANSFORMERS_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
            "CUDA_VISIBLE_DEVICES": "",
            "PYTHONHASHSEED": "0",
            "COLUMNS": "100",
        }
        for family in only:
            command = [sys.executable, str(Path(__file__).resolve()), "work", family]
            subprocess.run(command, cwd=folder, env=os.environ | settings, check=True)
            results |= json.loads((folder / f"{family}.json").read_text())
    named = json.dumps([list(FAMILIES.values())])
    listed = json.loads(results.get("around: methods as json", {}).get("stdout", "[]"))
    missing = [m["name"] for m in listed if not re.search(rf"--method {m['name']}\b", named)]
    if missing:
        print(f"no job names {', '.join(missing)}")
    out.mkdir(parents=True, exist_ok=True)
    (out / "results.json").write_text(json.dumps(results, indent=1))
    print(f"{len(results)} jobs in {time.perf_counter() - start:.0f} s, written to {out / 'results.json'}")


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every figure of nested JSON with the way to it."""
    if isinstance(value, dict | list) and value:
        for key, kept in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(kept, f"{path}/{key}")
    else:
        yield path, value


def differences(first: dict[str, Any], second: dict[str, Any]) -> Iterator[str]:
    """One line for each job and part of it that differs: how many figures, and the first of them."""
    for job in [*first, *(name for name in second if name not in first)]:
        if job not in first or job not in second:
            yield f"{job}: only in the {'first' if job in first else 'second'} recording"
            continue
        a, b = dict(leaves(first[job])), dict(leaves(second[job]))
        other: dict[str, list[str]] = {}
        for path in [*a, *(path for path in b if path not in a)]:
            if path not in a or path not in b or a[path] != b[path]:
                part = "/".join(path.split("/")[1 : 3 if path.startswith("/files") else 2])
                other.setdefault(part, []).append(path)
        for part, paths in other.items():
            old, new = a.get(paths[0], "nothing"), b.get(paths[0], "nothing")
            yield f"{job}: {part}: {len(paths)} differ, first {paths[0]}: {shortened(old, new)}"


def shortened(old: Any, new: Any) -> str:
    """Both values on one line, from where they part."""
    texts = repr(old), repr(new)
    parted = (i for i, (a, b) in enumerate(zip(*texts, strict=False)) if a != b)
    at = max(0, next(parted, 0) - 30)
    return " → ".join(text[at : at + 110] for text in texts)


def main() -> None:
    """Record, or compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    recording = commands.add_parser("record", help="run all jobs")
    recording.add_argument("out", type=Path)
    recording.add_argument("--source", type=Path, default=SOURCE, help="folder that holds the package")
    families = [*FAMILIES, "python"]
    recording.add_argument("--only", nargs="+", choices=families, default=families, help="families, in this order")
    comparing = commands.add_parser("compare", help="print each difference; exit 1 where there is one")
    comparing.add_argument("first", type=Path)
    comparing.add_argument("second", type=Path)
    commands.add_parser("work").add_argument("family")
    asked = parser.parse_args()
    if asked.command == "record":
        record(asked.out, asked.source, asked.only)
    elif asked.command == "work":
        work(asked.family)
    else:
        read = [json.loads((folder / "results.json").read_text()) for folder in (asked.first, asked.second)]
        lines = list(differences(*read))
        print("\n".join(lines) or f"no difference in {len(read[0])} jobs")
        sys.exit(bool(lines))


if __name__ == "__main__":
    main()
