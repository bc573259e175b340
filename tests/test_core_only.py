"""The core does everything on frozen features where what trains is not installed, with an empty home and no socket."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from worlds.images import RED_GREEN, write_images
from worlds.tables import clusters, write_table

SCRIPT = """
import socket, sys
import core_only
core_only.hide()

def refuse(*_args, **_kwargs):
    raise AssertionError("a socket was opened")

socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
from transferium.cli import main
for line in sys.stdin.read().splitlines():
    print("$", line, flush=True)
    try:
        main(line.split())
    except SystemExit as end:
        assert not end.code, line
assert not core_only.ABSENT & set(sys.modules), sorted(core_only.ABSENT & set(sys.modules))
"""


def core(folder: Path, script: str, commands: str = "") -> str:
    """What a new process of a core installation prints, with an empty home."""
    here = Path(__file__).parent
    path = os.pathsep.join([str(here), str(here.parent / "src")])
    ran = subprocess.run(
        [sys.executable, "-c", script],
        input=commands,
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | {"TRANSFERIUM_HOME": str(folder / "home"), "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two domains of pictures, and texts with a class, several labels and an amount."""
    write_images(tmp_path / "source", RED_GREEN, 12)
    write_images(tmp_path / "target", RED_GREEN, 12, seed=1)
    rng = random.Random(0)
    words = {"good": ["great", "lovely", "fine"], "bad": ["awful", "poor", "sad"]}
    lines = [
        f"film {i} is {rng.choice(words[label])},{label},{label if i % 3 else 'good|bad'},{i * 0.37}"
        for i, label in enumerate(["good", "bad"] * 20)
    ]
    (tmp_path / "texts.csv").write_text("\n".join(["text,label,labels,amount", *lines]), encoding="utf-8")
    return tmp_path


COMMANDS = """\
fit source --out images --set size=64
evaluate images target
predict images target
fit source --out ncm --method ncm
fit source --out cosine --method cosine
fit source --out knn --method knn
fit texts.csv --text text --label label --out texts
evaluate texts texts.csv
predict texts texts.csv --out answers.csv
advise texts.csv --text text --label label
next texts texts.csv --text text --count 2
embed texts.csv --text text --out features
near film --in features
fit texts.csv --text text --label label --backbone char_ngrams --out ngrams
export ngrams --out ngrams.onnx
export ngrams --format card --out ngrams.md
fit texts.csv --text text --label labels --problem multi-label --out labels
fit texts.csv --text text --label amount --problem regression --out amounts
compare source target
rank target --backbones images efficientnet_lite0
inspect source
backbones
"""

CLOSED_FORMS = (
    "standardise coral subspace tca jda ot linear-map kmm density-ratio label-shift em prototypes source-only"
)
EARLIER = Path(__file__).parent / "fixtures" / "version_0_1"

AUTO = """\
fit target --source source --out auto
evaluate auto target
predict auto target
fit target --source source --few few --out few-run
"""

ESTIMATOR = """
import core_only
core_only.hide()
import pandas
import transferium as tm
from pathlib import Path

files = sorted(Path("source").rglob("*.png"))
labels = [file.parent.name for file in files]
model = tm.TransferClassifier().fit(files, labels)
assert model.score(files, labels) == 1.0
frame = pandas.read_csv("texts.csv")
amounts = tm.TransferRegressor().fit(frame["text"].tolist(), frame["amount"])
assert amounts.predict(frame["text"].tolist()).shape == (40,)
import sys
assert not core_only.ABSENT & set(sys.modules), sorted(core_only.ABSENT & set(sys.modules))
"""


def test_commands_on_frozen_features(data: Path) -> None:
    told = core(data, SCRIPT, COMMANDS)
    assert "a probe on random weights" in told, told
    assert (data / "answers.csv").exists()


def test_adaptations_in_closed_form(data: Path) -> None:
    """Every one in one process, on small tables; one of them on pictures."""
    for i, name in enumerate(("rows.csv", "other.csv")):
        write_table(data / name, *clusters(90, i, turn=0.8 * i))
    rows = [f"fit other.csv --source rows.csv --out {name} --method {name}\n" for name in CLOSED_FORMS.split()]
    core(data, SCRIPT, "".join([*rows, "fit target --source source --out pictures --method coral\n"]))


def test_models_that_were_tuned_predict_by_their_graphs(data: Path) -> None:
    runs = sorted(path.parent for path in EARLIER.glob("*/model.json"))
    assert any((run / "backbone.onnx").exists() for run in runs)
    shutil.copytree(EARLIER, data / "earlier")
    given = {run.name: "input" if (run / "input").is_dir() else "input.csv" for run in runs}
    core(data, SCRIPT, "".join(f"predict earlier/{name} earlier/{name}/{what}\n" for name, what in given.items()))


def test_auto_adapts_with_what_is_there(data: Path) -> None:
    write_images(data / "few", RED_GREEN, 2, seed=2)
    core(data, SCRIPT, AUTO)


def test_the_estimators(data: Path) -> None:
    core(data, ESTIMATOR)


def test_two_processes_at_once_and_a_home_that_cannot_be_written(data: Path) -> None:
    """Nothing is written that another process could read half of; features alone are not kept, and that is said."""
    (data / "home").write_text("")
    command = [sys.executable, "-m", "transferium", "fit", "texts.csv", "--text", "text", "--label", "label", "--out"]
    env = os.environ | {"TRANSFERIUM_HOME": str(data / "home")}
    both = [
        subprocess.Popen([*command, out], cwd=data, env=env, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for out in ("one", "two")
    ]
    for process in both:
        _, err = process.communicate()
        assert process.returncode == 0, err
        assert "features are not stored" in err and "graph" not in err, err
    assert (data / "one" / "predictions.csv").read_bytes() == (data / "two" / "predictions.csv").read_bytes()
