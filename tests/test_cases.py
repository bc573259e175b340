"""Faults that users and attacks found, each a script beside the project: it fails while its fault is there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

CASES = Path(__file__).resolve().parents[2] / "shared" / "cases"
SCRIPTS = sorted(file for ending in ("sh", "py") for file in CASES.glob(f"*/*.{ending}"))
TRANSFERIUM = Path(sys.executable).with_name("transferium")
LIMIT_S = 240

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class World:
    """What scripts are given: pictures of two classes, a saved probe, a fine-tuned model, and their environment."""

    folder: Path
    images: Path
    run: Path
    tuned: Path
    environment: dict[str, str]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Fitted once for all scripts, in a store of their own."""
    folder = tmp_path_factory.mktemp("cases")
    own = {"TM": str(TRANSFERIUM), "PY": sys.executable, "TRANSFERIUM_HOME": str(folder / "home")}
    here = World(folder, folder / "images", folder / "run", folder / "tuned", {**os.environ, **own})
    write_stripes(here.images)
    fit(here, here.run)
    fit(here, here.tuned, "--method", "finetune", "--backbone", "small_cnn", "--set", "epochs=1")
    here.environment["GRAPHS"] = str(exported_graph(folder / "graphs"))
    return here


def write_stripes(folder: Path) -> None:
    """Two classes of 24 noisy pictures: with stripes from top to bottom, and from left to right."""
    for label in range(2):
        (folder / "ab"[label]).mkdir(parents=True)
        for i in range(24):
            draw = np.random.default_rng(100 * label + i)
            picture = draw.integers(0, 120, (72, 96, 3))
            y, x = np.mgrid[:72, :96]
            picture[..., label] += ((x if label else y) // (5 + i % 4) % 2) * 120
            Image.fromarray(picture.astype("uint8")).save(folder / "ab"[label] / f"{i:02d}.jpg")


def fit(here: World, out: Path, *options: str) -> None:
    command = [str(TRANSFERIUM), "fit", str(here.images), "--out", str(out), *options]
    done = subprocess.run(command, env=here.environment, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stderr


def exported_graph(folder: Path) -> Path:
    """A graph of the bundled backbone for images: what a stranger starts from who forges one."""
    from transferium.embedding.engines.check_inputs import noise
    from transferium.embedding.engines.export import export_graph
    from transferium.models.catalogue import find_backbone

    folder.mkdir()
    backbone = find_backbone(None, "image")
    export_graph(backbone, folder / "bundled.onnx", noise(backbone))
    return folder


def command_for(script: Path, here: World) -> list[str]:
    """The script, and after it what its line of usage asks for."""
    if script.suffix == ".sh":
        return ["bash", str(script)]
    usage = next(iter(re.findall(r"usage:.*", script.read_text(encoding="utf-8"))), "")
    given = []
    if re.search(r"RUN\(fine-tuned|TUNED_RUN", usage):
        given.append(str(here.tuned))
    elif "py RUN" in usage:
        given.append(str(here.run))
    if re.search("DATA|IMAGES", usage):
        given.append(str(here.images))
    return [sys.executable, str(script), *given]


@pytest.mark.skipif(not SCRIPTS, reason="the scripts of faults (../shared/cases) are not beside the project")
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_the_fault_is_gone(script: Path, world: World) -> None:
    done = subprocess.run(
        command_for(script, world),
        cwd=world.folder,
        env=world.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=LIMIT_S,
        check=False,
    )
    said = "\n".join(done.stdout.splitlines()[-8:])
    assert done.returncode == 0, f"exit code {done.returncode}:\n{said}"
    assert not re.search(r"\bFAIL\b", done.stdout), said
