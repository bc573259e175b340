"""A model card: what a saved model is for, what it is worth and what is known of its data, in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from transferium.artifact import Artifact
from transferium.data.modality import KINDS
from transferium.errors import ArtifactError, refusing
from transferium.system.checked_files import LONGEST_JSON, parse_json, read_file
from transferium.system.printable import shown

BEGINNING = b"---\nlibrary_name: transferium\n"
FIGURES = "metrics.json"


def model_card(artifact: Artifact, run: Path) -> bytes:
    """The card of the model in ``run``, with the figures of the run where they lie beside it.

    It names no example and no path. Mitchell et al., "Model cards for model reporting" (2019).
    """
    path = run / FIGURES
    with refusing(ArtifactError, f"{path} is damaged", "."):
        figures = dict(parse_json(read_file(path, LONGEST_JSON))) if path.exists() else {}
        parts = [*_front(artifact), *_model(artifact), *_worth(artifact, figures), *_data(artifact, figures)]
    return "\n".join([*parts, *_use(artifact), ""]).encode()


def _front(artifact: Artifact) -> Iterator[str]:
    licence = shown(artifact.backbone.licence)  # a line end would begin another entry
    yield BEGINNING.decode() + f"license: other  # of the weights it began with: {licence}"
    yield f"tags: [transfer-learning, {artifact.problem.kind}, {artifact.kind}]\n---\n"


def _model(artifact: Artifact) -> Iterator[str]:
    face = artifact.face()
    yield f"# {_cell(face.title)}\n"
    yield from (f"- {name}: {_cell(value)}" for name, value in face.rows)
    backbone = artifact.backbone
    began = "pretrained weights" if backbone.pretrained else "random weights"
    yield f"- backbone: {_cell(backbone.name)}, {began}, licence {_cell(backbone.licence)}"
    yield f"- fingerprint: {artifact.fingerprint}\n"


def _worth(artifact: Artifact, figures: Mapping[str, Any]) -> Iterator[str]:
    yield "## What it is worth\n"
    test = figures.get("test") or {}
    if not test:
        yield "No evaluation lies beside this model. `transferium evaluate` measures it on labelled examples.\n"
        return
    yield f"{_cell(figures.get('verdict_sentence') or '')}\n"
    yield f"Measured on {test['examples']:,} examples that took no part in any choice; intervals are 95 %.\n"
    yield "| figure | value | interval |\n| --- | --- | --- |"
    rows = {name: (called, test.get(name)) for name, called in artifact.problem.shown}
    headline = artifact.problem.headline
    for name, reference in (figures.get("references") or {}).items():
        rows[f"reference {name}"] = (f"{headline} of {name.replace('_', ' ')}", (reference or {}).get(headline))
    for called, found in rows.values():
        if isinstance(found, Mapping) and found.get("value") is not None:
            ends = [found.get("low"), found.get("high")]
            interval = "" if None in ends else f"{ends[0]:.4g} to {ends[1]:.4g}"
            yield f"| {_cell(called)} | {found['value']:.4g} | {interval} |"
    yield ""
    yield from (f"- {_cell(remark)}" for remark in figures.get("remarks", ()))


def _data(artifact: Artifact, figures: Mapping[str, Any]) -> Iterator[str]:
    yield "\n## What it learned from\n"
    division = figures.get("division") or {}
    if "train" in division:
        many = f"{division['train']:,} examples to learn from, {division['test']:,} held out"
        yield f"- {many}: {_cell(division['rule'])}"
    for finding in (figures.get("doctor") or {}).get("findings", ()):
        count = len(finding.get("ids", ()))
        yield f"- found in the data: {_cell(str(finding['kind']).replace('_', ' '))} ({finding['severity']}; {count:,})"
    created = artifact.info.get("provenance", {})
    if "data" in created:
        yield f"- fingerprint of the data: {created['data']}"
    yield ""


def _use(artifact: Artifact) -> Iterator[str]:
    yield "## Use and limits\n"
    yield f"- It answers {KINDS[artifact.kind]} like those that it learned from; others it answers as well, wrongly."
    yield "- What the figures say holds for data that is drawn as the held-out examples were."
    yield "- `transferium predict RUN DATA`, `transferium serve RUN`, `transferium export RUN --out model.onnx`"


def _cell(text: str) -> str:
    """Text that can change nothing of the page around it."""
    plain = shown(" ".join(str(text).split()))
    return "".join(f"\\{c}" if c in "|<>[]`*_#" else c for c in plain)
