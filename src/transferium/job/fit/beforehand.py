"""``fit DATA --pretrain CORPUS``: an encoder is learned first, and the fit says whether that paid."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from transferium.data.doctor.scan import scan
from transferium.data.domain import Domain, Kind
from transferium.data.read import first_cells_of
from transferium.errors import InputError, TransferiumError, option
from transferium.job.fit.readable import choose_backbone
from transferium.job.pretrain.run import PretrainOptions, options_of, pretrain_job
from transferium.job.run_directory.state_paths import ENCODER, RESULT, STATE
from transferium.methods.finetuning.finetune import FineTune
from transferium.methods.finetuning.scratch import FromScratch
from transferium.methods.fitted import Fitted, Rival
from transferium.methods.method import Method
from transferium.methods.pretraining.by_objective import check_kind_learned, objectives_of, usual_objective
from transferium.methods.task import Task
from transferium.methods.unused_settings import suppress_unused_warnings
from transferium.models.catalogue import OWN, randomised
from transferium.system.display import Display, Progress


@dataclass(frozen=True)
class Beforehand:
    """A pretraining on ``corpus`` that a fit of ``method`` begins with. The encoder is kept in the run.

    Beside the model stand the same method on the backbone that it would have had without a corpus (``off_the_shelf``),
    which decides the verdict, and the encoder's architecture trained from random weights (``from_scratch``): the same
    training examples, division, epochs and seed.
    """

    corpus: Path
    options: PretrainOptions
    method: Method
    settings: Mapping[str, int]

    @classmethod
    def of(
        cls, domain: Domain, corpus: Path, objective: str | None, settings: Mapping[str, Any], fit: Any
    ) -> Beforehand:
        """The pretraining for ``domain`` and the options of its ``fit``; checks all that can be before it begins."""
        if isinstance(fit.method, FromScratch):
            raise InputError(
                f"method {fit.method.name!r} starts from random weights, so that pretraining would have no effect: "
                f"leave {option('pretrain', str(corpus))} out, or take finetune."
            )
        names = objective or usual_objective(domain.kind)
        check_kind_learned(objectives_of(names), domain.kind, domain.name)
        options = options_of(
            names,
            settings,
            domain.kind,
            out=fit.out / STATE / ENCODER,
            backbone=fit.backbone,
            columns=_columns(corpus, domain, fit.columns),
            seed=fit.seed,
            command=fit.command,
        )
        options.method.open(corpus, options.columns or {})
        return cls(corpus, options, fit.method, fit.backbone_settings)

    def encoder(self, progress: Progress | None) -> Path:
        """The folder of the encoder, which is learned now unless this run did that before it was interrupted."""
        if not (self.options.out / RESULT).is_file():
            pretrain_job(self.corpus, self.options, progress if isinstance(progress, Display) else None)
        return self.options.out

    def compared(self, fitted: Fitted, task: Task) -> Fitted:
        """The fitted model with its rivals."""
        paid = f"pretraining on {self.corpus.name}"
        shelf = choose_backbone(self.options.backbone, task.train, **self.settings)[0]
        shelf = task.embedder.fitted(shelf, task.train)
        scratch = _from_scratch(self.method, task.train.kind)
        # The method of random weights draws them itself.
        drawn = randomised(task.backbone, seed=task.seed, full=True) if scratch is self.method else task.backbone
        ours = {
            "off_the_shelf": Rival(
                lambda: self.method.fit(_apart(task, "off the shelf", backbone=shelf)),
                f"{self.method.name} on {shelf.name}, without that corpus",
                asks=paid,
            ),
            "from_scratch": Rival(
                lambda: scratch.fit(_apart(task, "from scratch", backbone=drawn)),
                f"{scratch.name} on the same network with random weights",
                asks=paid,
            ),
        }
        return replace(fitted, rivals={**ours, **fitted.rivals})

    def remarks(self, test: Domain) -> list[str]:
        """What must be said beside the figures: that pretraining read held-out examples, without labels."""
        opened = self.options.method.open(self.corpus, self.options.columns or {})
        if isinstance(opened, Domain):
            there = set(scan(opened).keys)
            known = sum(key in there for key in scan(test).keys)
        else:
            texts = {str(test.samples.raw(i)).strip() for i in range(len(test))}
            there = {document.strip() for document in opened} & texts
            known = sum(str(test.samples.raw(i)).strip() in there for i in range(len(test)))
        if not known:
            return []
        return [f"{known:,} of the {len(test):,} held-out examples are in the corpus too: read there, without labels."]

    def facts(self) -> dict[str, Any]:
        """What was learned from, and how well: ``pretraining.json`` of the encoder."""
        return {"pretraining": json.loads((self.options.out / RESULT).read_text(encoding="utf-8"))}


def _columns(corpus: Path, domain: Domain, named: Mapping[str, Any]) -> dict[str, Any]:
    """What was said of the data's columns, as far as the corpus is a table that has them."""
    there: dict[str, Any] | None = None
    if named and corpus.exists():
        with suppress(TransferiumError):  # a folder that is no table
            there = first_cells_of(corpus, domain.kind)
    if there is None:
        return {}
    lists = {use: [n for n in named[use] if n in there] for use in ("drop", "columns") if use in named}
    types = {name: found for name, found in named.get("types", {}).items() if name in there}
    single = {use: name for use, name in named.items() if isinstance(name, str) and name in there}
    return single | lists | ({"types": types} if types else {})


def _from_scratch(method: Method, kind: Kind) -> Method:
    """The same training from random weights, at the rates that suit those; what moves no backbone is itself."""
    if kind in OWN or not isinstance(method, FineTune):
        return method
    own = {*FromScratch.__annotations__, "unfreeze"}
    shared = {f.name: getattr(method, f.name) for f in fields(FineTune) if f.name not in own}
    with suppress_unused_warnings():  # said when the method was built
        return FromScratch(**shared)


def _apart(task: Task, name: str, **changes: Any) -> Task:
    """The task with a state of its own."""
    return replace(task, workdir=None if task.workdir is None else task.workdir / name, **changes)
