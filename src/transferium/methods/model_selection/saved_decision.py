"""The saved choice of a method, so that a resumed run does not choose again with other timings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transferium.data.fingerprint import fingerprint
from transferium.methods.catalogue import find_method
from transferium.methods.method import Method
from transferium.methods.task import Task
from transferium.system.checked_files import read_sealed_json, write_sealed_json

DECISION = "decision.json"


@dataclass(frozen=True)
class Decision:
    """The method that is fitted on everything (None: the probe, which is fitted already), and how it was chosen."""

    method: Method | None
    rows: Sequence[Mapping[str, Any]]


def keep(task: Task, chooser: Method, decision: Decision) -> None:
    """Write what ``chooser`` decided where ``task`` keeps its state, if it keeps any."""
    if task.workdir is None:
        return
    method = None if decision.method is None else decision.method.to_json()
    kept = {"about": _about(task, chooser), "method": method, "rows": list(decision.rows)}
    write_state(task.workdir / DECISION, kept)


def recall(task: Task, chooser: Method) -> Decision | None:
    """The decision of the same ``chooser`` on the same task, if it was taken before an interruption."""
    if task.workdir is None:
        return None
    kept = read_state(task.workdir / DECISION)
    if kept.get("about") != _about(task, chooser):
        return None
    settings = kept["method"]
    if settings is None:
        return Decision(None, kept["rows"])
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items() if k != "name"}
    return Decision(find_method(settings["name"], values), kept["rows"])


def write_state(path: Path, kept: Mapping[str, Any]) -> None:
    """Write what an interrupted run needs again, as a whole or not at all."""
    write_sealed_json(path, kept)


def read_state(path: Path) -> dict[str, Any]:
    """What ``write_state`` wrote; nothing where that is missing or damaged."""
    try:
        return read_sealed_json(path)
    except (OSError, ValueError):
        return {}


def _about(task: Task, chooser: Method) -> dict[str, Any]:
    """The inputs of the choice."""
    groups = None if task.groups is None else hashlib.sha256(task.groups.tobytes()).hexdigest()
    return {
        "method": json.loads(json.dumps(chooser.to_json())),
        "train": fingerprint(task.train),
        "val": None if task.val is None else fingerprint(task.val),
        "groups": groups,
        "backbone": task.backbone.fingerprint,
        "preprocessing": task.backbone.preprocess and task.backbone.preprocess.fingerprint(),
        "seed": task.seed,
        "budget": task.budget_s,
    }
