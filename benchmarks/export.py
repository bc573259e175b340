"""An exported ONNX file against ``predict`` on real inputs, from their bytes on; and what 8-bit numbers would bring.

    python benchmarks/export.py [equal] [int8] [embed] [--quick]      writes benchmarks/results/export_<part>.json

The programs of docs/export.md are run as they stand there, where this package cannot be imported. ``int8`` quantises
the convolutions of the exported file with onnxruntime (static, calibrated on training pictures; and dynamic): pictures
a second beside the same file as it was exported, one thread, and right answers on the test part. ``embed`` is the peak
memory of ``transferium embed`` without a store. It needs the full installation.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_dynamic, quantize_static

import transferium as tm
from record import DATA, record
from transferium.job.export.run import export

DOCS = Path(__file__).resolve().parents[1] / "docs" / "export.md"
ROUNDS, BATCH, CALIBRATED = 5, 32, 64


def program(heading: str) -> str:
    """The program below a heading of the documentation, where this package cannot be imported."""
    part = DOCS.read_text(encoding="utf-8").split(f"## {heading}\n")[1]
    return "import sys\nsys.modules['transferium'] = None\n" + re.findall(r"```python\n(.*?)```", part, re.S)[0]


def compared(lines: list[list[str]], labels: list[str], expected: NDArray[Any]) -> dict[str, Any]:
    """How far the printed answers are from ``predict``."""
    assert len(lines) == len(labels)
    far = np.abs(np.array([list(map(float, line[1:])) for line in lines]) - expected).max()
    same = sum(line[0] == label for line, label in zip(lines, labels, strict=True))
    return {"inputs": len(lines), "labels_equal": same, "largest_difference": float(f"{far:.2g}")}


def printed(command: list[str], **options: Any) -> list[list[str]]:
    """The cells that a program prints."""
    ran = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=True, **options)
    return [line.split("\t") for line in ran.stdout.splitlines()]


def exported(model: Any, folder: Path) -> Path:
    """The file of a model."""
    model.save(folder / "run")
    export(folder / "run", folder / "model.onnx", "onnx")
    return folder / "model.onnx"


def cifar(part: str, count: int, folder: Path) -> tuple[list[str], list[str]]:
    """The first pictures of a part as files, and their labels."""
    import pyarrow.parquet as pq

    table = pq.read_table(DATA / "cifar10_subset" / f"{part}.parquet").slice(0, count)
    column = next(name for name in table.column_names if name.startswith("im"))
    files = []
    for i, content in enumerate(table[column].to_pylist()):
        (file := folder / f"{part}{i}.png").write_bytes(content["bytes"] if isinstance(content, dict) else content)
        files.append(str(file))
    return files, [str(one) for one in table["label"].to_pylist()]


def ants_and_bees(part: str) -> tuple[list[str], list[str]]:
    """Files and labels of a part."""
    files = sorted(path for path in (DATA / "hymenoptera" / part).rglob("*.*") if path.is_file())
    return list(map(str, files)), [file.parent.name for file in files]


class Pictures(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
    """Pictures one batch after another."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self.batches: Iterator[NDArray[np.uint8]] = iter(np.split(pixels, range(16, len(pixels), 16)))

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        """The next batch, or None."""
        batch = next(self.batches, None)
        return None if batch is None else {"pixels": batch}


def seen(model: Any, files: list[str]) -> NDArray[np.uint8]:
    """The pixels that the graph reads."""
    from transferium.data.images.decode import decode

    preprocess = model.artifact_.backbone.preprocess
    cuts = [preprocess.cut(decode(Path(file).read_bytes(), preprocess.decode_at_least)) for file in files]
    return np.stack([np.asarray(cut) for cut in cuts])


def opened(file: Path) -> Any:
    """A session on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    return onnxruntime.InferenceSession(file, options)


def right(session: Any, pixels: NDArray[np.uint8], labels: list[str], classes: list[str]) -> float:
    """The share of right answers."""
    found = [session.run(None, {"pixels": pixels[i : i + BATCH]})[0] for i in range(0, len(pixels), BATCH)]
    return float(
        np.mean([classes[k] == label for k, label in zip(np.concatenate(found).argmax(1), labels, strict=True)])
    )


def speeds(sessions: dict[str, Any], pixels: NDArray[np.uint8]) -> dict[str, float]:
    """Pictures a second by each, one at a time, in turns: the median of some rounds."""
    seconds: dict[str, list[float]] = {name: [] for name in sessions}
    for _ in range(ROUNDS + 1):
        for name, session in sessions.items():
            began = time.perf_counter()
            for one in pixels[:BATCH]:
                session.run(None, {"pixels": one[None]})
            seconds[name].append(time.perf_counter() - began)
    return {name: BATCH / statistics.median(found[1:]) for name, found in seconds.items()}


def eight_bits(model: Any, file: Path, train: list[str], test: tuple[list[str], list[str]]) -> dict[str, Any]:
    """Accuracy and speed as exported, and quantised in two ways."""
    static, dynamic = file.with_name("static.onnx"), file.with_name("dynamic.onnx")
    convolutions = {"op_types_to_quantize": ["Conv"], "weight_type": QuantType.QInt8}
    quantize_static(file, static, Pictures(seen(model, train)), per_channel=True, **convolutions)
    quantize_dynamic(file, dynamic, op_types_to_quantize=["Conv"], weight_type=QuantType.QUInt8)
    sessions = {"exported": opened(file), "static": opened(static), "dynamic": opened(dynamic)}
    pixels, classes = seen(model, test[0]), list(model.artifact_.classes)
    fast = speeds(sessions, pixels)
    return {
        name: {
            "accuracy": round(right(session, pixels, test[1], classes), 4),
            "pictures_a_second": round(fast[name], 1),
            "times_as_fast": round(fast[name] / fast["exported"], 2),
            "megabytes": round(path.stat().st_size / 1e6, 1),
        }
        for (name, session), path in zip(sessions.items(), (file, static, dynamic), strict=True)
    } | {"test": len(pixels)}


def embedded(folder: Path, count: int) -> dict[str, Any]:
    """``transferium embed`` of made-up texts: its peak memory, and the size of what it wrote."""
    draw = np.random.default_rng(0)
    words = ["".join(draw.choice(list("abcdefghij"), 5)) for _ in range(500)]
    table, out = folder / f"{count}.csv", folder / str(count)
    lines = (f"{' '.join(draw.choice(words, 8))} {i}" for i in range(count))
    table.write_text("\n".join(["text", *lines]), encoding="utf-8")
    command = [*(sys.executable, "-m", "transferium", "--quiet", "embed", str(table), "--out", str(out))]
    script = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n"
    script += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    told = printed(["-c", script, *command, "--backbone", "char_ngrams", "--no-store"])
    vectors = count * 4096 * 4 / 1e6
    return {"texts": count, "peak_megabytes": round(int(told[0][0]) / 1e3), "megabytes_of_vectors": round(vectors)}


def equal_to_predict(folder: Path, count: int) -> dict[str, Any]:
    """Pictures, texts and rows, from their bytes on."""
    train, test = ants_and_bees("train"), ants_and_bees("val")
    small, _ = cifar("test", count, folder / "small")
    model = tm.TransferClassifier("probe", verbose=False).fit(*train)
    files, figures = [*train[0], *test[0], *small][:count], {}
    found = printed(["-c", program("Pictures in Python"), str(exported(model, folder / "ants")), *files])
    expected = model.predict_proba(files)
    figures["pictures"] = compared([row[1:] for row in found], model.predict(files).tolist(), expected)

    texts = tm.read(DATA / "trec" / "train.csv", label="label")
    reader = tm.TransferClassifier("probe", verbose=False).fit(texts.take(range(count)))
    asked = [" ".join(str(texts.samples.raw(len(texts) - 1 - i)).split()) for i in range(count)]
    file = exported(reader, folder / "texts")
    found = printed(["-c", program("Texts in Python"), str(file)], input="\n".join(asked))
    figures["texts"] = compared(found, reader.predict(asked).tolist(), reader.predict_proba(asked))

    columns = ["age", "education_num", "capital_gain", "hours_per_week"]
    adult = tm.read(DATA / "adult" / "test.csv", label="income", columns=columns)
    rows = tm.TransferClassifier("probe", verbose=False).fit(adult)
    session = opened(exported(rows, folder / "rows"))
    told = json.loads(session.get_modelmeta().custom_metadata_map["preprocessing"])["columns"]
    first = adult.take(range(count)).unlabeled()
    given = np.stack([first.samples[column].values for column in told], axis=1).astype(np.float64)
    found = [[rows.artifact_.classes[one.argmax()], *map(str, one)] for one in session.run(None, {"rows": given})[0]]
    figures["rows"] = compared(found, rows.predict(first).tolist(), rows.predict_proba(first))
    return figures


def int8(folder: Path, count: int) -> dict[str, Any]:
    """Ants and bees, and ten classes of small pictures."""
    train, test = ants_and_bees("train"), ants_and_bees("val")
    model = tm.TransferClassifier("probe", verbose=False).fit(*train)
    seen_before = train[0][:: len(train[0]) // CALIBRATED]
    figures = {"ants_bees": eight_bits(model, exported(model, folder / "ants"), seen_before, test)}
    small, others = cifar("train", count, folder / "small"), cifar("test", count // 2, folder / "small")
    model = tm.TransferClassifier("probe", verbose=False).fit(*small)
    figures["cifar10"] = eight_bits(model, exported(model, folder / "rows"), small[0][:CALIBRATED], others)
    return figures


def features(folder: Path, count: int) -> dict[str, Any]:
    """``transferium embed`` of more and more texts."""
    return {f"texts_{n}": embedded(folder, n) for n in (count * 10, count * 40)}


PARTS = {"equal": equal_to_predict, "int8": int8, "embed": features}


def main(parts: list[str], quick: bool) -> None:
    """Measure the parts, one after another."""
    for part in parts or PARTS:
        with tempfile.TemporaryDirectory() as name:
            for inside in ("ants", "small", "texts", "rows"):
                (Path(name) / inside).mkdir()
            record(f"export_{part}", PARTS[part](Path(name), 60 if quick else 1000), dry=quick)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], help="all of them where none is named")
    parser.add_argument("--quick", action="store_true", help="few examples, and nothing is written")
    arguments = parser.parse_args()
    main(arguments.parts, arguments.quick)
