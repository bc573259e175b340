"""A saved model in the place of a source: what an adaptation can use of it, and what not."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from transferium.artifact import DESCRIPTION, Artifact, load_artifact
from transferium.data.doctor.findings import Finding
from transferium.data.domain import Domain
from transferium.data.pairing import Pair, pair_domains
from transferium.data.samples import Items, Rows, Samples
from transferium.embedding.engines.portable import trainable
from transferium.errors import DataError, InputError, TransferiumWarning
from transferium.job.options import FitOptions
from transferium.methods.adaptation_task import SourceModel
from transferium.methods.catalogue import METHODS, method_class
from transferium.methods.fitted import Fitted
from transferium.models.backbone import Backbone
from transferium.models.catalogue import OWN
from transferium.models.columns.encoding import ColumnsPreprocess
from transferium.problems.evaluation import Overlap
from transferium.selection.selection import Selection


def is_model(path: Path) -> bool:
    """Whether a folder holds a saved model, such as a finished run; it is never read as data then."""
    return (path / DESCRIPTION).is_file()


def alone(models: Sequence[GivenModel], sources: int) -> GivenModel | None:
    """The one model among ``sources`` sources, None where there is none; raises ``InputError`` beside anything else."""
    if models and sources > 1:
        raise InputError(
            f"{models[0].name!r} is a saved model, which stands for the whole source; {sources} sources were given. "
            "Give the model alone, or labelled data alone."
        )
    return models[0] if models else None


@dataclass(frozen=True, eq=False)
class GivenModel:
    """A saved model, and what it is called here. Nothing of the data that it was made from is left but its classes."""

    artifact: Artifact
    name: str

    @classmethod
    def load(cls, folder: Path) -> GivenModel:
        """Read a model or run directory; raises ``ArtifactError`` for what is not understood."""
        return cls(load_artifact(folder), folder.resolve().name)

    @property
    def source(self) -> Domain:
        """Its classes, and no examples."""
        artifact = self.artifact
        names = artifact.info.get("feature_names")
        samples: Samples = Items([])
        if isinstance(artifact.backbone.preprocess, ColumnsPreprocess):
            samples = artifact.backbone.preprocess.nothing()
            names = samples.names if samples.named else None
        elif artifact.kind in OWN:
            samples = Rows(np.empty((0, artifact.backbone.width), np.float32))
        return Domain(
            samples,
            artifact.kind,
            ids=[],
            labels=np.empty(0, np.int64),
            problem=artifact.problem,
            name=self.name,
            feature_names=None if names is None else tuple(names),
        )

    def pair(self, target: Domain, few: Domain | None = None) -> Pair:
        """The model's classes and a target stripped of its labels.

        Raises ``ArtifactError`` for a target that the model cannot read, and ``DataError`` for labelled target examples
        of a class that it does not know.
        """
        target = self.artifact.as_read(target)
        few = None if few is None else self.artifact.as_read(few)
        pair = pair_domains([self.source], target, few)
        if new := [name for name in pair.source.classes if name not in self.artifact.classes]:
            raise DataError(
                f"the labelled target examples have the class {new[0]!r}, which the model {self.name!r} does not know, "
                "and its last layer cannot grow: leave such examples out, or give the data that it was made from."
            )
        return pair

    def learned_from(self, target: Domain) -> list[Finding]:
        """A finding on the scanned target's examples whose labels the model learned: it answers these from memory."""
        ids = tuple(
            target.ids[i] for i in np.flatnonzero(self.artifact.learned.marks(self.artifact.as_read(target))).tolist()
        )
        if not ids:
            return []
        said = (
            f"{Overlap(len(target), len(ids)).said} by the model {self.name!r}: how well it answers them says nothing"
        )
        return [Finding("shared-examples", "warning", f"{said} about new examples", ids)]

    def backbone_for(self, options: FitOptions) -> Backbone:
        """The model's own backbone, which no option can change, as the method that was asked for needs it.

        Raises ``InputError`` for options of a backbone, and where the method cannot adapt this model alone.
        """
        method, given = options.method, ["--backbone"] if options.backbone is not None else []
        if given := [*given, *options.backbone_settings]:
            raise InputError(
                f"the model {self.name!r} brings its own backbone, {self.artifact.backbone.name}, and what that reads: "
                f"leave {' and '.join(given)} out."
            )
        backbone = self._movable() if method.adapts_models and method.moves_backbone else self.artifact.backbone
        if not method.adapts_models:
            alone = ", ".join(name for name in METHODS if method_class(name).adapts_models)
            raise InputError(
                f"method {method.name!r} learns from the source's labelled examples, and {self.stand_in.name!r} is a "
                f"saved model, which has none. Without them a model is adapted by {alone}; or give the data that it "
                "was made from."
            )
        method.check_model(self.stand_in, backbone)
        if method.needs_batch_norm and backbone.pretrained:
            warnings.warn(
                f"the backbone of {self.name!r}, {backbone.name}, was pretrained elsewhere: its batch normalisation "
                "may hold no statistics of the source, and the head learned from it. "
                f"{method.name} replaces them all the same: look at source only beside it.",
                TransferiumWarning,
                stacklevel=2,
            )
        return backbone

    @property
    def stand_in(self) -> SourceModel:
        """The data that a method may use in the place of a source."""
        return SourceModel(self.artifact.head, self.name, self.artifact.fingerprint)

    @property
    def fitted(self) -> Fitted:
        """Source only: the model as it is."""
        how = Selection("no comparison: the model as it was given", "nothing", [], {})
        return Fitted("source-only", self.artifact.backbone, self.artifact.head, how)

    @property
    def provenance(self) -> dict[str, Any]:
        """The provenance of a model made from this one, in the place of a fingerprint of source data."""
        return {"source_model": self.artifact.fingerprint, "source_model_name": self.name}

    @property
    def keys(self) -> set[str]:
        """Contents of labelled target examples that the model itself learned from."""
        return set((self.artifact.info.get("few") or {}).get("keys", ()))

    def _movable(self) -> Backbone:
        """The backbone as weights: a model that was read back holds it as a graph, or by its name alone."""
        backbone = self.artifact.backbone
        if not isinstance(backbone.graph, Path):
            return backbone
        if (found := trainable(backbone)) is not None:
            return found
        raise InputError(
            f"the backbone of {self.name!r}, {backbone.name}, was saved as a graph, which can be run and not trained, "
            "and no weights to train from are beside it (or its architecture is not found by name): use tuning=frozen."
        )
