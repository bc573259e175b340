"""On a GPU: the laws that hold on any device, each file of them in a process of its own that may use it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
#: Each file, and which of its tests say nothing of a CPU's figures.
LAWS = {
    "training/resume/test_killed.py": "",
    "training/resume/test_checkpoint.py": "",
    "laws/test_training_methods.py": "not what_is_fitted",
    "methods/finetuning/test_mechanisms.py": "",
    "methods/regularised/test_stoch_norm.py": "",
    "methods/finetuning/test_weight_averaging.py": "",
    "laws/test_adaptation_methods.py": "",
    "methods/deep_adaptation/test_moved_backbone.py": (
        "answers_through or at_nought or partial_tuning or targets_statistics"
    ),
    "methods/model_selection/test_election_of_networks.py": "",
    "methods/finetuning/test_adversarial.py": "",
    "methods/shallow_adaptation/test_labelled_target.py": "",
    "job/test_adapt.py": "",
}
TRAINED = """
import sys
import torch
from laws.test_training_methods import FineTune, SHORT, task
from transferium.training.distributed.machine import Machine

before = torch.cuda.max_memory_allocated()
FineTune(precision=sys.argv[1], **SHORT).fit(task())
assert torch.cuda.max_memory_allocated() > before and Machine(sys.argv[1]).device.type == "cuda"
"""


@pytest.mark.parametrize("precision", ["no", "bf16", "fp16"])
def test_training_uses_it_at_every_precision(precision: str, on_cuda: dict[str, str]) -> None:
    paths = os.pathsep.join([str(HERE), *filter(None, [on_cuda.get("PYTHONPATH")])])
    subprocess.run([sys.executable, "-c", TRAINED, precision], env={**on_cuda, "PYTHONPATH": paths}, check=True)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("file", LAWS)
def test_what_holds_on_any_device_holds_there(file: str, on_cuda: dict[str, str]) -> None:
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(HERE / file), "-k", LAWS[file] or "test"]
    done = subprocess.run(run, env=on_cuda, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
