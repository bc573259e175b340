"""Methods side by side over repeated draws of a few labels a class, on the same held-out examples."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.domain import Domain
from transferium.data.fingerprint import fingerprint
from transferium.errors import TransferiumError
from transferium.evaluation.references import answers_on
from transferium.functional.bootstrap import interval_over_draws
from transferium.job.few_shots.draw_shots import draw_shots
from transferium.job.options import FitOptions
from transferium.methods.method import Method
from transferium.methods.model_selection.saved_decision import read_state, write_state
from transferium.methods.task import Task
from transferium.system.extras import INSTALL, can_train

SAVED = "few_shots.json"


def compare_methods(options: FitOptions, task: Task, test: Domain) -> dict[str, Any]:
    """Each of ``options.compared`` on each draw from ``task.train``, as ``report/schema.py`` has it.

    The features of all are embedded already. What was measured is kept beside the run's state, so that a comparison
    that was interrupted goes on.
    """
    rows: list[dict[str, Any]] = []
    for method in options.compared:
        why = _why_not(method, task)
        rows.append({"method": method.name} | ({"left_out": why} if why else _over_draws(options, method, task, test)))
    return {"shots": options.shots, "draws": options.draws, "methods": rows}


def _why_not(method: Method, task: Task) -> str:
    if method.trains and not can_train():
        return f"it trains a network, which needs {INSTALL}"
    try:
        method.check_data(task.train)
        method.check_backbone(task.backbone)
    except TransferiumError as error:
        return str(error)
    return ""


def _over_draws(options: FitOptions, method: Method, task: Task, test: Domain) -> dict[str, Any]:
    """The mean accuracy of a method over the draws, with its interval, that of each draw, and seconds a draw."""
    answers, seconds = [], []
    for draw in range(options.draws):
        task.tell(f"{method.name} over draws", draw, options.draws)
        right, spent = _measured(options, method, task, test, draw)
        answers.append(right)
        seconds.append(spent)
    task.tell(f"{method.name} over draws", options.draws, options.draws)
    right = np.stack(answers)
    accuracy = interval_over_draws(right, seed=options.seed).as_dict()
    return {"accuracy": accuracy, "draws": right.mean(axis=1).tolist(), "seconds": float(np.mean(seconds))}


def _measured(
    options: FitOptions, method: Method, task: Task, test: Domain, draw: int
) -> tuple[NDArray[np.bool_], float]:
    """Which examples of ``test`` the method answers rightly after that draw, and the seconds that it took."""
    assert options.shots is not None
    few = task.on(draw_shots(task.train, options.shots, seed=options.seed, draw=draw))
    folder = None if task.workdir is None else task.workdir / f"{method.name}-{draw}"
    about = {"method": method.to_json(), "train": fingerprint(few.train), "test": fingerprint(test)}
    kept = {} if folder is None else read_state(folder / SAVED)
    if kept.get("about") == _plain(about):
        return np.array([mark == "1" for mark in kept["right"]]), float(kept["seconds"])
    started = time.perf_counter()
    fitted = method.fit(replace(few, workdir=folder if method.trains else None, seed=options.seed + draw))
    outputs, _ = answers_on(task, fitted, test)
    right, spent = outputs.argmax(axis=1) == test.y, time.perf_counter() - started
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        marks = "".join("1" if one else "0" for one in right)
        write_state(folder / SAVED, {"about": about, "right": marks, "seconds": spent})
    return right, spent


def _plain(about: dict[str, Any]) -> Any:
    return json.loads(json.dumps(about))
