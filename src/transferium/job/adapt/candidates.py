"""The candidates that were not chosen, kept so that labels which come later can say what they were worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from transferium.artifact import Artifact, read_head, write_head
from transferium.data.doctor.scan import scan
from transferium.data.domain import Domain
from transferium.errors import ArtifactError, refusing
from transferium.evaluation.references import answers_on
from transferium.job.adapt.fit import Adapted
from transferium.methods.fitted import Fitted
from transferium.methods.method import Method
from transferium.methods.model_selection.auto import Auto
from transferium.system.checked_files import read_file
from transferium.system.saved_folder import SavedFolder, describe_folder

FOLDER = "candidates"
LIST = "candidates.json"


@dataclass(frozen=True)
class SavedCandidates:
    """The saved candidates of a run, without source only, and the name of the chosen one.

    ``models`` read source only's backbone. ``answers`` belong to candidates with a backbone of their own, which are not
    saved: for each, the number of the class it predicted for every target example, by the hash of the content.
    ``barred`` names the candidates that the election did not train.
    """

    chosen: str
    models: Mapping[str, Artifact] = field(default_factory=dict)
    answers: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    barred: tuple[str, ...] = ()

    def answers_for(self, domain: Domain) -> tuple[dict[str, NDArray[np.int64]], list[str]]:
        """The kept predictions of each candidate for all the examples, and the candidates that lack some of them."""
        if not self.answers:
            return {}, []
        keys = domain.keys or scan(domain).keys
        known = [name for name, said in self.answers.items() if all(key in said for key in keys)]
        found = {name: np.array([self.answers[name][key] for key in keys], np.int64) for name in known}
        return found, [name for name in self.answers if name not in found]


def chosen_name(adapted: Adapted) -> str:
    """The name of the model among the candidates: ``mcc@0.3`` where a vote chose the weight of ``mcc``."""
    return str(adapted.fitted.selection.chosen.get("method", adapted.fitted.method))


def others(adapted: Adapted) -> dict[str, Fitted]:
    """Every candidate beside source only and the one that was chosen."""
    taken = ("source-only", chosen_name(adapted))
    return {name: fitted for name, fitted in adapted.candidates.items() if name not in taken}


def barred(adapted: Adapted) -> dict[str, Method]:
    """The candidates of an election that were not trained: they did not stand, failed, or did not fit the budget."""
    if not isinstance(adapted.method, Auto):
        return {}
    return {name: m for name, m in adapted.method.candidate_methods().items() if name not in adapted.candidates}


def save_candidates(run: Path, adapted: Adapted, forget: bool = False) -> None:
    """Write the head of every other candidate on source only's backbone, and the predictions of all the rest.

    A head is small; a backbone of its own for each candidate is not. The answers are those for the target examples that
    are evaluated on, in the order of the hashes of their contents; there are none where ``forget`` is asked for.
    """
    found, untrained = others(adapted), list(barred(adapted))
    if not found and not untrained:
        return
    (run / FOLDER).mkdir()
    facts, answers = {}, {}
    for name, fitted in found.items():
        if fitted.backbone.fingerprint != adapted.source_only.backbone.fingerprint:
            answers[name] = {} if forget else _answers(adapted, fitted)
            continue
        write_head(fitted.head, run / FOLDER / f"{name}.safetensors")
        facts[name] = {"temperature": fitted.head.temperature, "head": fitted.head.facts()}
    told = {"chosen": chosen_name(adapted), "candidates": facts, "answers": answers, "barred": untrained}
    describe_folder(run / FOLDER / LIST, told)


def _answers(adapted: Adapted, fitted: Fitted) -> dict[str, int]:
    said, _ = answers_on(adapted.task, fitted, adapted.held)
    return dict(sorted(zip(adapted.held.keys or (), said.argmax(axis=1).tolist(), strict=True)))


def saved_candidates(run: Path, source_only: Artifact, method: str) -> SavedCandidates:
    """The candidates of a run; one without any (a named method) has ``method`` as the chosen one's name."""
    if not (run / FOLDER / LIST).exists():
        return SavedCandidates(method)
    where, instead = run / FOLDER / LIST, f": remove {run / FOLDER} to evaluate without candidates."
    with refusing(ArtifactError, f"{where} is damaged", instead):
        told, files = SavedFolder.described(run / FOLDER, read_file(where))
        heads = {
            name: read_head(files, f"{name}.safetensors", facts["temperature"], facts["head"])
            for name, facts in told["candidates"].items()
        }
        answers = {name: {key: int(k) for key, k in said.items()} for name, said in told.get("answers", {}).items()}
        chosen, untrained = str(told["chosen"]), tuple(map(str, told.get("barred", ())))
    return SavedCandidates(
        chosen,
        {name: Artifact(source_only.backbone, head, source_only.problem) for name, head in heads.items()},
        answers,
        untrained,
    )
