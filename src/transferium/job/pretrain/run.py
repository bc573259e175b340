"""``transferium pretrain``: from a corpus to an encoder in a folder."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transferium.artifact import refuse_foreign, replacing
from transferium.errors import InputError, TransferiumError, option
from transferium.job.pretrain.pace import Pace
from transferium.job.run_directory.files import write_json
from transferium.job.run_directory.provenance import provenance
from transferium.job.run_directory.resume import is_interrupted, is_searching, keep_log
from transferium.job.run_directory.state_paths import RESULT, STATE
from transferium.methods.pretraining.by_objective import find_pretraining, looked_at, objectives_of
from transferium.methods.pretraining.pretraining import Pretrained, Pretraining, Spot
from transferium.system.display import Display, display
from transferium.system.extras import require_train
from transferium.system.folder_locks import alone_in
from transferium.system.processes import everyone, rank

if TYPE_CHECKING:
    from transferium.data.domain import Domain, Kind
    from transferium.models.backbone import Backbone

SIGNS = (RESULT,)
"""The file that marks a folder as one that a pretraining may replace."""


@dataclass(frozen=True)
class PretrainOptions:
    """What a pretraining is told, beside its corpus."""

    out: Path
    method: Pretraining
    objectives: tuple[str, ...]
    backbone: str | None = None
    columns: Mapping[str, Any] | None = None
    seed: int = 0
    restart: bool = False
    command: str = ""


def looked_at_with_options(
    corpus: Any, objective: str, settings: Mapping[str, Any], **others: Any
) -> tuple[Any, PretrainOptions]:
    """The corpus, and the options for it: what an objective means may depend on the kind of example."""
    objectives = objectives_of(objective)
    require_train("pretraining trains a network and")
    seen, kind = looked_at(corpus, objectives, others.get("columns") or {})
    return seen, options_of(objective, settings, kind, **others)


def options_of(objective: str, settings: Mapping[str, Any], kind: Kind | None = None, **others: Any) -> PretrainOptions:
    """The options with their objectives and settings read; ``MissingExtraError`` where PyTorch is not installed."""
    objectives = objectives_of(objective)
    require_train("pretraining trains a network and")
    method = find_pretraining(objectives, settings, kind)
    method.warn_without_effect(objectives, others.get("backbone"))
    return PretrainOptions(method=method, objectives=objectives, **others)


def pretrain_job(corpus: Any, options: PretrainOptions, progress: Display | None) -> dict[str, Any]:
    """Learn from ``corpus`` and put the encoder into ``options.out``; returns what ``pretraining.json`` holds.

    What was interrupted goes on: corpus, tokenizer and checkpoints are kept in ``out/state``.
    """
    start, out, method = time.perf_counter(), options.out, options.method
    check_writable(out)
    opened = method.open(corpus, options.columns or {})
    if options.restart:
        everyone(None)
        _forget(out)
        everyone(None)
    with _leaving_nothing(out):
        spot = Spot(out / STATE, options.seed, Pace.of(progress, method.batch_size))
        done = method.pretrain(opened, options.objectives, options.backbone, spot)
        facts = _facts(done, options, time.perf_counter() - start)
        with replacing(out, SIGNS, (STATE,)) as fresh:
            done.write(fresh)
            keep_log(out, fresh)
            write_json(fresh / RESULT, facts)
            for file in filter(Path.is_file, fresh.rglob("*")):
                file.chmod(0o644)  # libraries write for the owner alone
            everyone(None)  # the state goes with the old folder, and the other processes read it until here
    return facts


def pretrain(
    corpus: str | Path | Iterable[str] | Domain,
    *,
    objective: str = "mlm",
    out: str | Path | None = None,
    backbone: str | None = None,
    text: str | None = None,
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
    restart: bool = False,
    verbose: bool | None = None,
) -> Backbone:
    """Learn an encoder from a corpus without labels; the backbone that it became, which lies in the folder ``out``.

    ``corpus`` is a path (plain text, CSV, JSON lines, Parquet, a folder of these or of images), or texts or a domain in
    memory. ``objective`` names what is learned, or a sum, as in ``"mlm,nsp"``; ``backbone`` the encoder that goes on
    (None: random weights), ``text`` the column of a table, and ``settings`` are those of ``--set``. Called again after
    an interruption it goes on where it was, bit for bit. Raises ``InputError`` or ``DataError`` with what to do.

    Prefer a pretrained encoder where there is one of this language and kind: it has seen more than most corpora hold.
    Devlin et al., "BERT: pre-training of deep bidirectional transformers for language understanding" (2019).

    >>> pretrain(["one text", "another text"], objective="mlm", settings={"epochs": 0})
    Traceback (most recent call last):
    ...
    transferium.errors.InputError: epochs must be at least 1; it was 0.
    """
    from transferium.models.catalogue import find_backbone

    place = Path(out) if out is not None else default_out(corpus)
    given = Path(corpus).expanduser() if isinstance(corpus, str | Path) else corpus
    seen, options = looked_at_with_options(
        *(given, objective, settings or {}),
        out=place,
        backbone=backbone,
        columns={} if text is None else {"text": text},
        seed=seed,
        restart=restart,
    )
    with alone_in(place):
        facts = pretrain_job(seen, options, display(verbose))
    return find_backbone(place, facts["kind"])


def default_out(corpus: Any) -> Path:
    """Where the encoder goes if nobody says: ``runs/<name>-encoder``."""
    name = Path(corpus).resolve().stem if isinstance(corpus, str | Path) else "corpus"
    return Path("runs") / f"{name}-encoder"


def check_writable(out: Path) -> None:
    """Raise before any work is done where the folder holds something else than an earlier pretraining."""
    if rank() == 0:
        refuse_foreign(out, f"--out {out}", SIGNS, (STATE,))
        if is_interrupted(out) or is_searching(out):
            raise InputError(
                f"{out} holds an interrupted fit: go on with it first, or name another {option('out', '')}."
            )


def _forget(out: Path) -> None:
    if rank() == 0:
        shutil.rmtree(out / STATE, ignore_errors=True)


@contextmanager
def _leaving_nothing(out: Path) -> Iterator[None]:
    """After a mistake of the user's, leave no state from which nothing could go on."""
    try:
        yield
    except TransferiumError:
        if not any((out / STATE).glob("*.safetensors")):
            _forget(out)
        raise


def _facts(done: Pretrained, options: PretrainOptions, seconds: float) -> dict[str, Any]:
    return {
        "kind": done.kind,
        "objectives": list(options.objectives),
        "backbone": options.backbone,
        "method": options.method.to_json(),
        "seed": options.seed,
        "counts": done.counts,
        "held_out": done.held,
        "beside": done.beside,
        "said": list(done.said),
        "seconds": round(seconds, 1),
        "provenance": provenance(options.command, ""),
    }
