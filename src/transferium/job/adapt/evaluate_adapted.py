"""The evaluation of an adapted model on target labels that came later, by ``transferium evaluate``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.artifact import DESCRIPTION, Artifact, load_artifact
from transferium.data.doctor.findings import some
from transferium.data.domain import Domain
from transferium.data.pairing import refuse_same_but_case
from transferium.embedding.embed import Embedder
from transferium.errors import DataError
from transferium.evaluation.adapted import AdaptedEvaluation, Answers, adaptation_result, answers_for, oracle
from transferium.job.adapt.candidates import SavedCandidates, saved_candidates
from transferium.job.adapt.run import SOURCE_ONLY
from transferium.job.adapt.source_worth import source_worth
from transferium.job.adapt.verdict_scope import reason_without_verdict
from transferium.job.predict.apply import check_any_usable, check_evaluable, predict_by_all, scored, uncalibrated
from transferium.problems.evaluation import Overlap


def is_adapted(run: Path) -> bool:
    """Whether ``run`` holds an adapted model and, beside it, the one that never saw the target."""
    return (run / SOURCE_ONLY / DESCRIPTION).is_file()


def evaluate_adapted(artifact: Artifact, run: Path, domain: Domain, embedder: Embedder, *, seed: int) -> dict[str, Any]:
    """The evaluation of ``run`` on a labelled ``domain``, source only beside it, and the verdict overall and by class.

    Beside them, the candidates that the run kept: which of all these labels would have chosen (``oracle``).
    Classes that the source never had are counted as mistakes. Raises ``DataError`` where no class is known at all or
    there are no labels, ``ArtifactError`` for data of another kind.
    """
    alone = load_artifact(run / SOURCE_ONLY)
    kept = saved_candidates(run, alone, _name(artifact))
    models = {"source-only": alone, **kept.models, kept.chosen: artifact}
    looked = _look(models, kept.chosen, domain, embedder, seed)
    return looked.evaluation.as_dict() | {"run": str(run), "data": domain.name, "oracle": _oracle(kept, looked)}


@dataclass(frozen=True, eq=False)
class _Looked:
    """What several models say of the labelled examples that are evaluated on, and what the chosen one is worth."""

    domain: Domain
    answers: Answers
    said: Mapping[str, NDArray[np.float64]]
    evaluation: AdaptedEvaluation


def _look(
    models: Mapping[str, Artifact], chosen: str, domain: Domain, embedder: Embedder, seed: int, *, before: bool = False
) -> _Looked:
    """``models`` on a labelled ``domain``: what one backbone sees is asked for once.

    ``before``: the figures before calibration are wanted too.
    """
    artifact, alone = models[chosen], models["source-only"]
    domain = _comparable(artifact, domain)
    found = predict_by_all(models, domain, embedder)
    domain, said = found["source-only"].domain, {name: predicted.outputs for name, predicted in found.items()}
    check_any_usable(domain, said[chosen], found[chosen].problems)
    at, overlap = scored(artifact.learned | alone.learned, domain, said[chosen])
    domain, said = domain.take(at), {name: outputs[at] for name, outputs in said.items()}
    answers, ours, theirs = _answers(artifact, domain), said[chosen], said["source-only"]
    result = adaptation_result(
        answers,
        ours,
        theirs,
        method=_name(artifact),
        seed=seed,
        before=uncalibrated(ours, artifact.head.temperature, artifact.head.link) if before else None,
        unasked=_unasked(artifact, alone, overlap),
    )
    beside, harm = source_worth(
        domain,
        lambda some: some.embedded(alone.embed(some, embedder).features),
        *(answers, answers.pad(theirs), alone.backbone),
        seed=seed,
    )
    return _Looked(domain, answers, said, replace(AdaptedEvaluation.of(result, beside, harm), overlap=overlap))


def _oracle(kept: SavedCandidates, looked: _Looked) -> dict[str, Any]:
    """Which of the models the labels would have chosen, from their outputs and the answers that were kept."""
    moved, left_out = kept.answers_for(looked.domain)
    classes = {name: p.argmax(axis=1) for name, p in looked.said.items()} | moved
    right = {name: float((given == looked.answers.y).mean()) for name, given in classes.items()}
    return oracle(right, kept.chosen) | {"left_out": left_out, "barred": list(kept.barred)}


def evaluate_with_source_only(
    artifact: Artifact, source_only: Artifact, domain: Domain, embedder: Embedder, *, seed: int
) -> AdaptedEvaluation:
    """An adapted model on a labelled ``domain``, source only beside it, and the verdict; raises as the above."""
    models = {"source-only": source_only, "adapted": artifact}
    return _look(models, "adapted", domain, embedder, seed, before=True).evaluation


def _name(artifact: Artifact) -> str:
    return str(artifact.info.get("method", {}).get("name", "the adapted model"))


def _unasked(artifact: Artifact, source_only: Artifact, overlap: Overlap) -> str:
    """Why there is no verdict, labels or not; empty where there is one."""
    if overlap.training:
        return "all of these examples were learned from"
    ours, theirs = ((model.backbone, model.head) for model in (artifact, source_only))
    return reason_without_verdict(artifact.info.get("method", {}), ours, theirs)


def _comparable(artifact: Artifact, domain: Domain) -> Domain:
    """``domain`` as the model reads it; raises where nothing can be evaluated on it."""
    check_evaluable(artifact, domain)
    refuse_same_but_case([*artifact.classes, *domain.classes], "the model and the labelled data have")
    if not set(domain.classes) & set(artifact.classes):
        raise DataError(
            f"{domain.name!r} shares no class name with this model ({some(domain.classes, 5)} and "
            f"{some(artifact.classes, 5)}): give its labels the source's names."
        )
    return artifact.as_read(domain)


def _answers(artifact: Artifact, domain: Domain) -> Answers:
    return answers_for(domain.y, domain.classes, artifact.classes, domain.groups)
