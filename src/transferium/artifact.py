"""A saved model: one directory of safetensors and JSON, written as a whole, and checked when it is read."""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.columns.table import Table
from transferium.data.domain import Domain, Kind, alike
from transferium.data.learned import FILE as LEARNED
from transferium.data.learned import Learned
from transferium.embedding.embed import Embedder, Embedding
from transferium.embedding.engines.portable import base_of, save_graph, save_weights
from transferium.embedding.engines.saved_backbone import comes_with_a_package, described, read_backbone
from transferium.errors import ArtifactError, DataError, InputError, TransferiumError, refusing
from transferium.models.adapter import DESCRIPTION as ADAPTER
from transferium.models.adapter import TENSORS as ADAPTER_TENSORS
from transferium.models.adapter import read_adapter, write_adapter
from transferium.models.backbone import Backbone
from transferium.models.columns.encoding import ColumnsPreprocess
from transferium.models.heads.base import AnyHead
from transferium.models.heads.saved import FORMATS, head_from_saved
from transferium.models.peft.adapted_backbone import adapted, check_belongs
from transferium.problems.catalogue import problem_from_json
from transferium.problems.classes import Classes
from transferium.problems.problem import Problem
from transferium.system.checked_files import LONGEST_JSON, parse_json, read_file
from transferium.system.exchange import exchange
from transferium.system.folder_locks import OLD, PARTIAL, let_go, sweep, take_lock
from transferium.system.processes import rank
from transferium.system.saved_folder import SavedFolder, describe_folder
from transferium.system.shown import Face, Shown

FORMAT = 3
"""The newest format, for problems other than classes. A model that an older format can hold is written in that one."""
DESCRIPTION = "model.json"
TENSORS = "model.safetensors"
GRAPH = "backbone.onnx"
WEIGHTS = "backbone.safetensors"
"""The weights of a tuned backbone, for further training. For predictions the graph is enough."""
_TRIES = 3


def refuse_foreign(folder: Path, called: str, signs: Sequence[str] = (DESCRIPTION,), own: Sequence[str] = ()) -> None:
    """Raise ``ArtifactError`` where a model or run in ``folder`` would replace files that are no model or run.

    It may where nothing is there, where one of the ``signs`` of an earlier one is, and where nothing but the entries
    ``own`` are. ``called`` is what the message calls the folder.
    """
    if folder.exists() and not folder.is_dir():
        raise ArtifactError(f"{called} is a file; name a folder that does not exist yet or an earlier model or run.")
    found = sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []
    if any(name not in own for name in found) and not any((folder / sign).exists() for sign in signs):
        raise ArtifactError(
            f"{called} holds files that are not a run or model (there is no {DESCRIPTION}; there is "
            f"{', '.join(found[:3])}); nothing was overwritten. Name another folder."
        )


@contextmanager
def replacing(folder: Path, signs: Sequence[str] = (DESCRIPTION,), own: Sequence[str] = ()) -> Iterator[Path]:
    """Yield an empty sibling directory that takes the place of ``folder`` when the block ends without an error.

    At any moment ``folder`` holds what was there before or all of what is new, never a half of either, and never
    nothing where the system can exchange two folders in one step (elsewhere :func:`sweep` mends it). Raises
    ``ArtifactError`` where it cannot be written (read-only, no space left) or would delete what is no earlier model or
    run (``refuse_foreign``); what was there before is kept. Of several processes the first alone leaves anything.
    """
    if rank() > 0:
        with tempfile.TemporaryDirectory() as nowhere:
            yield Path(nowhere)
        return
    fresh, handle = None, None
    try:
        refuse_foreign(folder, str(folder), signs, own)
        folder.parent.mkdir(parents=True, exist_ok=True)
        sweep(folder)
        fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=PARTIAL, dir=folder.parent))
        fresh.chmod(0o755)
        with suppress(OSError):
            handle = take_lock(fresh)  # so that nobody sweeps it
        yield fresh
        if not folder.exists():
            fresh.replace(folder)
        elif not exchange(fresh, folder):
            old = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=OLD, dir=folder.parent))
            folder.replace(old)
            fresh.replace(folder)
            shutil.rmtree(old)
    except OSError as error:
        raise ArtifactError(f"{folder} cannot be written: {error.strerror or error}. {_what_to_do(error)}") from error
    finally:
        let_go(handle)
        if fresh is not None:
            shutil.rmtree(fresh, ignore_errors=True)


def _what_to_do(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "Make room and give the same command again: it goes on from what was kept."
    return "Name another place."


@dataclass(frozen=True, repr=False)
class Artifact(Shown):
    """A backbone, the head that reads it, the problem that it solves, and what both were learned from."""

    backbone: Backbone
    head: AnyHead
    problem: Problem
    info: dict[str, Any] = field(default_factory=dict)
    learned: Learned = field(default_factory=Learned)

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the outputs: classes, labels, or the amount."""
        return self.problem.names

    def face(self) -> Face:
        """What it reads and predicts, and what is known of where it came from."""
        method = self.info.get("method", {}).get("name", "a head")
        names = ", ".join(self.classes[:8]) + (", …" if len(self.classes) > 8 else "")
        known = f"{len(self.learned.hashes):,} different examples" if self.learned.complete else "not kept"
        rows = [
            ("predicts", f"{self.problem.said()}: {names}"),
            ("reads", f"{self.kind} examples, {self.backbone.width} features of each"),
            ("learned from", known),
            ("created", str(self.info.get("provenance", {}).get("created", "not known"))),
        ]
        return Face(f"Model: {method} on {self.backbone.name}{', tuned' if self.backbone.tuned else ''}", rows)

    @property
    def kind(self) -> Kind:
        return self.backbone.kind

    def outputs(self, embedding: Embedding) -> NDArray[np.float64]:
        """Probabilities or amounts ``(n, classes)``; NaN rows for examples that could not be read."""
        result = self.head.outputs(embedding.features)
        result[~embedding.ok] = np.nan
        return result

    def having_learned(self, *domains: Domain | None) -> Artifact:
        """The same model, which knows the examples of the scanned ``domains`` as it reads them."""
        return replace(self, learned=Learned.of(*(None if one is None else self.as_read(one) for one in domains)))

    def forgetful(self) -> Artifact:
        """The same model without hashes of what it learned from."""
        return replace(self, info={k: fact for k, fact in self.info.items() if k != "few"}, learned=Learned())

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that decides a prediction: the backbone's fingerprint, head, temperature and class names."""
        facts = [self.backbone.fingerprint, self.head.facts(), self.head.temperature, list(self.classes)]
        digest = hashlib.sha256(json.dumps(facts).encode())
        for name, tensor in sorted(self.head.to_tensors().items()):
            digest.update(f"{name} {tensor.dtype} {tensor.shape}".encode())
            digest.update(np.ascontiguousarray(tensor).tobytes())
        return digest.hexdigest()

    def check_reads(self, domain: Domain) -> None:
        """Raise ``ArtifactError`` for data of another kind, or with another number of features."""
        if domain.kind != self.kind:
            raise ArtifactError(f"this model reads {self.kind} examples; {domain.name!r} holds {domain.kind} examples.")
        if self.kind == "features" and domain.features.shape[1] != self.backbone.width:
            raise ArtifactError(
                f"this model reads {self.backbone.width} features; {domain.name!r} has {domain.features.shape[1]}."
            )

    def embed(self, domain: Domain, embedder: Embedder) -> Embedding:
        """The embedding of a domain by this model's backbone; raises as :meth:`as_read`."""
        return embedder(self.as_read(domain), self.backbone)[0]

    def as_read(self, domain: Domain) -> Domain:
        """``domain`` with the columns that the model reads, by name where both name them, else by place.

        Raises ``ArtifactError`` for data that it does not read, ``DataError`` for a table without one of its columns.
        """
        names = tuple(self.info.get("feature_names") or ())
        domain = alike(domain, self.kind)
        encoding = self.backbone.preprocess
        if isinstance(encoding, ColumnsPreprocess) and isinstance(domain.samples, Table):
            return replace(domain, samples=encoding.seen(domain.samples), keys=None)
        if domain.kind == "features" and names and domain.feature_names not in (None, names):
            domain = domain.columns(names)
        self.check_reads(domain)
        return domain

    def save(self, folder: Path | str) -> None:
        """Write the whole directory or nothing, over an earlier model but never over other files."""
        with replacing(Path(folder)) as fresh:
            self.write_into(fresh)

    def write_into(self, folder: Path) -> None:
        """Write the artifact's own files beside whatever else ``folder`` holds."""
        write_head(self.head, folder / TENSORS)
        self.learned.write(folder / LEARNED)
        travels = not comes_with_a_package(self.backbone)
        weights, classes, adapter = None, isinstance(self.problem, Classes), self.backbone.adapter
        if travels:
            save_graph(self.backbone, folder / GRAPH)
        there = self.backbone.weights is not None and self.backbone.weights.is_file()
        if adapter is not None:
            facts = {"temperature": self.head.temperature, "head": self.head.facts(), "info": self.info}
            write_adapter(adapter, folder, self.head.to_tensors(), {"problem": self.problem.to_json()} | facts)
        if travels and (self.backbone.tuned or there) and (adapter is None or adapter.on_tuned):
            weights = save_weights(self.backbone, folder / WEIGHTS)
        description = (
            {
                "format": FORMATS[self.head.kind] if classes else FORMAT,
                "classes": list(self.classes),
            }
            | ({} if classes else {"problem": self.problem.to_json()})
            | {
                "temperature": self.head.temperature,
                "head": self.head.facts(),
                "backbone": described(self.backbone, folder)
                | {"graph": GRAPH if travels else None, "weights": weights}
                | ({} if adapter is None else {"adapter": ADAPTER}),
            }
            | {"info": self.info}
        )
        describe_folder(folder / DESCRIPTION, description)


def load_artifact(folder: Path | str, backbone: Backbone | None = None) -> Artifact:
    """Read a saved model or run directory; raises ``ArtifactError`` for what this version does not understand.

    Of an adapter alone (its two files), or with a ``backbone``, the model is that backbone with the adapter in it.
    Every file must be the one that was saved: ``model.json`` holds their digests and its own. A model that takes this
    one's place meanwhile is read instead, never a half of each.
    """
    folder = Path(folder)
    if backbone is not None or folder.name in (ADAPTER, ADAPTER_TENSORS) or _is_adapter(folder):
        return _attached(folder, backbone)
    for _ in range(_TRIES):
        before = _read_description(folder)
        try:
            artifact = _understood(folder, before)
            mistake: TransferiumError | None = None
        except (DataError, InputError) as error:
            mistake = ArtifactError(f"{folder} is damaged: {error}")
        except TransferiumError as error:
            mistake = error
        if _read_description(folder) == before:
            break
    if mistake is not None:
        raise mistake
    return artifact


def _understood(folder: Path, content: bytes) -> Artifact:
    """The model that a description's ``content`` and the files beside it make."""
    damaged = f"{folder / DESCRIPTION} is damaged: it is not a model description"
    with refusing(ArtifactError, damaged, "."):
        version = int(parse_json(content)["format"])
    if version > FORMAT:
        raise ArtifactError(
            f"{folder} was written by a newer version (format {version}); this one reads formats up to {FORMAT}. "
            "Upgrade transferium to use it."
        )
    with refusing(ArtifactError, damaged, "."):
        described, files = SavedFolder.described(folder, content)
    with refusing(ArtifactError, f"{folder} is damaged: {DESCRIPTION} or {TENSORS} lacks or garbles something", "."):
        if odd := [name for name in ("head", "backbone", "info") if not isinstance(described.get(name, {}), dict)]:
            raise ValueError(f"{odd[0]!r} is no object")
        info = _checked_info(described.get("info", {}))
        head = read_head(files, TENSORS, described["temperature"], described.get("head", {}))
        backbone = read_backbone(files, described["backbone"])
        problem = problem_from_json(described.get("problem") or {"kind": "classes", "names": described["classes"]})
        if (head.classes, head.width) != (problem.width, backbone.width):
            raise ArtifactError(
                f"{folder} is damaged: its head is {(head.classes, head.width)} for {problem.said()} and width "
                f"{backbone.width}."
            )
        if LEARNED in (files.digests or ()) or (folder / LEARNED).exists():
            files.digest(LEARNED)
        learned = Learned.read(folder / LEARNED, (info.get("few") or {}).get("keys", ()))
    return Artifact(backbone, head, problem, info, learned)


def _is_adapter(folder: Path) -> bool:
    return (folder / ADAPTER).is_file() and not (folder / DESCRIPTION).exists()


def _attached(path: Path, backbone: Backbone | None) -> Artifact:
    """The adapter that lies at ``path`` in the backbone that it was trained in, with the head that it came with."""
    adapter, tensors, told = read_adapter(path)
    if backbone is not None:
        check_belongs(adapter, backbone)
    with refusing(ArtifactError, f"the adapter in {path} lacks or garbles something", "."):
        base = base_of(adapter) if backbone is None else backbone
        head = head_from_saved(tensors, float(told["temperature"]), told["head"])
        problem = problem_from_json(told["problem"])
        return Artifact(adapted(base, adapter), head, problem, _checked_info(told["info"]))


def _checked_info(info: dict[str, Any]) -> dict[str, Any]:
    """``info``, where what other code reads of it has the form that it expects; ``ValueError`` where not."""
    columns, names = info.get("columns", {}), info.get("feature_names") or []
    texts = [*columns, *columns.values(), *names, *(info.get("few") or {}).get("keys", ())]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("its columns are not called by texts")
    return info


def _read_description(folder: Path) -> bytes:
    if not folder.exists():
        raise ArtifactError(f"there is no saved model at {folder}: the folder does not exist.")
    if not (folder / DESCRIPTION).exists():
        found = sorted(p.name for p in folder.iterdir())[:6] if folder.is_dir() else ["a file"]
        raise ArtifactError(
            f"{folder} is not a saved model or finished run: it has no {DESCRIPTION}; "
            f"found {', '.join(found) or 'nothing'}."
        )
    with refusing(ArtifactError, f"{folder / DESCRIPTION} cannot be read", "."):
        return read_file(folder / DESCRIPTION, LONGEST_JSON)


def write_head(head: AnyHead, path: Path) -> None:
    """Write a head's weights; the caller must save its temperature and facts."""
    from safetensors.numpy import save

    path.write_bytes(save(head.to_tensors()))  # in two steps, so that a full disk is an OSError


def read_head(files: SavedFolder, name: str, temperature: Any, facts: dict[str, Any]) -> AnyHead:
    """The head whose weights the file ``name`` holds; raises ``ArtifactError`` for a damaged file."""
    from safetensors.numpy import load

    with refusing(ArtifactError, f"{files.folder} is damaged", "."):
        content = files.read(name)
    with refusing(ArtifactError, f"{files.folder / name} cannot be read as safetensors", "; the model is damaged."):
        tensors = {name: array.copy() for name, array in load(content).items()}
    return head_from_saved(tensors, float(temperature), facts)
