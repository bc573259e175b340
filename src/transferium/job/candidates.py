"""The heads of candidates that were not chosen, kept so that labels which come later can say what they were worth."""

from __future__ import annotations

import json
from pathlib import Path

from transferium.artifact import Artifact, read_head, write_head
from transferium.errors import ArtifactError
from transferium.job.adapt import Adapted
from transferium.methods.base import Fitted

FOLDER = "candidates"
LIST = "candidates.json"


def chosen_name(adapted: Adapted) -> str:
    """What the model is called among the candidates: ``mcc@0.3`` where a vote chose the weight of ``mcc``."""
    return str(adapted.fitted.selection.chosen.get("method", adapted.fitted.method))


def others(adapted: Adapted) -> dict[str, Fitted]:
    """Every candidate beside source only and the one that was chosen."""
    taken = ("source-only", chosen_name(adapted))
    return {name: fitted for name, fitted in adapted.fitted.beside.items() if name not in taken}


def keep_candidates(run: Path, adapted: Adapted) -> None:
    """Write the head of every other candidate that reads source only's backbone; name those that moved their own.

    A head is small; a backbone of its own for each candidate is not.
    """
    found = others(adapted)
    if not found:
        return
    (run / FOLDER).mkdir()
    facts, left_out = {}, []
    for name, fitted in found.items():
        if fitted.backbone.fingerprint != adapted.source_only.backbone.fingerprint:
            left_out.append(name)
            continue
        write_head(fitted.head, run / FOLDER / f"{name}.safetensors")
        facts[name] = {"temperature": fitted.head.temperature, "head": fitted.head.facts()}
    told = {"chosen": chosen_name(adapted), "candidates": facts, "left_out": left_out}
    (run / FOLDER / LIST).write_text(json.dumps(told, indent=1, ensure_ascii=False), encoding="utf-8")


def kept_candidates(run: Path, source_only: Artifact, method: str) -> tuple[dict[str, Artifact], str, list[str]]:
    """The candidates of a run over source only's backbone, the chosen one's name, and who was not kept.

    A run without candidates (a named method) has none, and ``method`` is the chosen one's name.
    """
    if not (run / FOLDER / LIST).is_file():
        return {}, method, []
    try:
        told = json.loads((run / FOLDER / LIST).read_text(encoding="utf-8"))
        kept = {
            name: read_head(run / FOLDER / f"{name}.safetensors", float(facts["temperature"]), facts["head"])
            for name, facts in told["candidates"].items()
        }
        chosen, left_out = str(told["chosen"]), list(told["left_out"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(
            f"{run / FOLDER / LIST} is damaged ({error}): remove {run / FOLDER} to evaluate without candidates."
        ) from error
    return (
        {name: Artifact(source_only.backbone, head, source_only.classes) for name, head in kept.items()},
        chosen,
        left_out,
    )
