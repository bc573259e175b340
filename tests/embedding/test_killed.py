"""kill -9 in the middle, and two runs at once: nothing is lost but a batch, nothing is done twice for long."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from transferium.embedding.store.missing import BATCH
from worlds.domains import image_files

SCRIPT = f"""
import json, sys, time
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).resolve().parents[1])!r})
from worlds.domains import image_files, tiny
from transferium.embedding import picture
from transferium.embedding.embed import Embedder
from transferium.embedding.store.store import FeatureStore

real, pause = picture.decode, float(sys.argv[3])
picture.decode = lambda raw, at: (time.sleep(pause), real(raw, at))[1]
domain = image_files(Path(sys.argv[1]), int(sys.argv[2]))
tick = lambda what, done, total: print(what, done, flush=True)
result = Embedder(FeatureStore(), engine="torch", workers=2, progress=tick)(domain, tiny())[0]
print(json.dumps([result.computed, result.reused, bool(result.ok.all())]))
"""


def start(data: Path, count: int, home: Path, pause: float = 0.0) -> subprocess.Popen[str]:
    environment = os.environ | {"TRANSFERIUM_HOME": str(home)}
    command = [sys.executable, "-c", SCRIPT, str(data), str(count), str(pause)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def outcome(process: subprocess.Popen[str]) -> list[int]:
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return json.loads(out.strip().splitlines()[-1])


def test_a_killed_run_loses_at_most_its_batches(tmp_path: Path) -> None:
    image_files(tmp_path / "data", 400)
    process = start(tmp_path / "data", 400, tmp_path / "home", pause=0.02)
    assert process.stdout is not None
    done = 0
    while done < 150:
        word, number, *_ = process.stdout.readline().split()
        done = int(number) if word == "embed" else 0
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    computed, reused, fine = outcome(start(tmp_path / "data", 400, tmp_path / "home"))
    assert fine
    assert computed + reused == 400
    assert reused > done - BATCH


def test_two_runs_at_once(tmp_path: Path) -> None:
    image_files(tmp_path / "data", 120)
    both = [start(tmp_path / "data", 120, tmp_path / "home", pause=0.01) for _ in range(2)]
    for process in both:
        computed, reused, fine = outcome(process)
        assert fine
        assert computed + reused == 120
    started = time.perf_counter()
    assert outcome(start(tmp_path / "data", 120, tmp_path / "home", pause=10.0)) == [0, 120, True]
    assert time.perf_counter() - started < 60
