"""Embedding: the features of a domain by a frozen backbone, each distinct example computed once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.columns.table import Table
from transferium.data.doctor.finite import finite_rows, what_is_wrong
from transferium.data.doctor.scan import Scan
from transferium.data.doctor.scan import scan as scan_domain
from transferium.data.domain import Domain, Kind
from transferium.data.modality import KINDS, by_kind
from transferium.data.read import read
from transferium.data.samples import Samples
from transferium.embedding.engines.check_inputs import first_inputs
from transferium.embedding.engines.engine import Choice, Engine, open_engine, plan_engine
from transferium.embedding.images import Wanted, array_work, image_tasks
from transferium.embedding.mixed_rows import mixed_table, why_unread, with_usual
from transferium.embedding.pair_sides import sides_of, wrong_sides
from transferium.embedding.picture import read_picture
from transferium.embedding.pipeline import Workers
from transferium.embedding.recording import read_recording
from transferium.embedding.store.memory import Memory
from transferium.embedding.store.missing import Need
from transferium.embedding.store.store import FeatureStore
from transferium.embedding.store.table import Row
from transferium.embedding.texts import text_tasks, text_work
from transferium.embedding.word_rows import sentence_tasks, sentence_work
from transferium.errors import DataError, InputError
from transferium.models.backbone import Backbone, Output
from transferium.models.catalogue import find_backbone
from transferium.models.columns.backbone_of_columns import fitted_to
from transferium.models.columns.encoding import NO_VALUE, ONE_VALUE, ColumnsPreprocess
from transferium.models.mixed.backbone_of_mixed import mixed_backbone
from transferium.models.mixed.mixed_preprocess import MixedPreprocess
from transferium.models.modality import BY_PART, MODALITIES
from transferium.models.of_pairs import compared, of_one_side
from transferium.system.display import Progress, display
from transferium.system.hardware import usable_cores


@dataclass(frozen=True, eq=False)
class Embedding:
    """Features of a domain, row by row; ``features`` is zero where not ``ok``, and ``problems`` says why.

    ``computed`` and ``reused`` count distinct contents; ``seconds`` is the time of the whole call. ``filled`` says by
    column and row which cells of mixed rows could not be read, and why: they count as missing, and their rows are ok.
    """

    features: NDArray[np.float32]
    ok: NDArray[np.bool_]
    problems: dict[int, str]
    keys: tuple[str, ...]
    engine: str
    computed: int
    reused: int
    seconds: float
    filled: Mapping[str, Mapping[int, str]] = field(default_factory=dict)


class Embedder:
    """``embedder(domain, backbone, …)``: one ``Embedding`` for each backbone, from one decode of each example.

    ``store=None`` keeps features only in memory, as long as the embedder lives. ``workers`` defaults to the cores that
    this process may use. ``progress`` is called with a word, how much is done and how much there is. One that
    ``stays_open`` keeps engines between calls and no features: it answers request after request.

    >>> import transferium as tm
    >>> domain = tm.read([[0.0, 1.0], [1.0, 0.0]], kind="features")
    >>> Embedder(None)(domain, tm.find_backbone(None, "features"))[0].features.shape
    (2, 2)
    """

    def __init__(
        self,
        store: FeatureStore | None,
        *,
        engine: Choice = "auto",
        workers: int | None = None,
        progress: Progress | None = None,
        stays_open: bool = False,
    ) -> None:
        self.store, self.engine, self.progress = store, engine, progress
        self.workers = workers or usable_cores()
        self._memory = Memory(0) if stays_open else Memory()
        self._open: dict[tuple[str, str], Engine] | None = {} if stays_open else None

    def tick(self, what: str) -> Callable[[int, int], None] | None:
        """The progress callback for one kind of work, or None where no progress is shown."""
        progress = self.progress
        return None if progress is None else lambda done, total: progress(what, done, total)

    def __call__(self, domain: Domain, *backbones: Backbone, scan: Scan | None = None) -> list[Embedding]:
        """Embed ``domain``; ``scan`` saves reading the files again to know them by their content."""
        started = time.perf_counter()
        for backbone in backbones:
            if backbone.kind != domain.kind:
                raise InputError(f"{backbone.name} reads {backbone.kind} examples; {domain!r} was given.")
            wanted = MODALITIES[domain.kind].output if domain.kind in MODALITIES else "pooled"
            if backbone.output != wanted and not (backbone.output == "tokens" and domain.kind in BY_PART):
                raise InputError(
                    f"{backbone.name} gives {OUTPUTS[backbone.output]}, and {OUTPUTS[wanted]} is needed for "
                    f"{KINDS[domain.kind]}: {HOW[wanted]}."
                )
        scanned = self._scanned(domain, scan)
        if whole := AT_ONCE.get(domain.kind):
            return [whole(self, domain, scanned, backbone) for backbone in backbones]
        with ExitStack() as stack:
            needs = [self._need(backbone, scanned, stack) for backbone in backbones]
            known = [len(need.at) - len(need.missing) for need in needs]
            if any(need.missing for need in needs):
                self._compute(domain, needs, stack)
        seconds = time.perf_counter() - started
        return [_embedding(need, scanned, seconds, reused) for need, reused in zip(needs, known, strict=True)]

    def fitted(self, backbone: Backbone, *domains: Domain) -> Backbone:
        """``backbone`` itself; where it is one that is fitted to data and was not yet, fitted to ``domains``.

        Their labels are not looked at. Raises ``DataError`` where no column is left to learn from.
        """
        if backbone.fitting is not None:
            return backbone.fitting(backbone, domains)
        fit = FITTED.get(backbone.kind)
        return backbone if fit is None else fit(self, backbone, domains)

    def _scanned(self, domain: Domain, scan: Scan | None) -> Scan:
        if scan is None and domain.keys is not None:
            scan = Scan(domain.keys, ("",) * len(domain), {})
        scan = scan or scan_domain(domain, workers=None, progress=self.tick("read"))
        if len(scan.keys) != len(domain):
            raise DataError(f"the scan is of {len(scan.keys)} examples, but {domain!r} was given.")
        return scan

    def _need(self, backbone: Backbone, scan: Scan, stack: ExitStack) -> Need:
        """The rows that one backbone has to compute, after looking in memory and in the store."""
        need = Need(backbone, scan.keys, plan_engine(backbone, self.engine))
        self._look_up(need, stack)
        return need

    def _look_up(self, need: Need, stack: ExitStack) -> None:
        need.recall(self._memory.rows(need))
        if self.store is not None:
            need.space = stack.enter_context(self.store.open(need.backbone, need.engine))
            need.recall(need.space.read(need.missing))

    def _compute(self, domain: Domain, needs: list[Need], stack: ExitStack) -> None:
        first = {key: index for index, key in reversed(list(enumerate(needs[0].keys)))}
        engines: dict[int, Engine] = {}
        for need in needs:
            if need.missing:
                engines[id(need)] = self._engine(domain, need, [first[key] for key in need.missing], stack)
        wanted = _wanted(needs, first)
        total = sum(len(example.needs) for example in wanted)
        report = _seldom(self.tick("embed"))
        for done, (need, row, lasting) in enumerate(self._results(domain, wanted, engines), start=1):
            need.put(row, lasting)
            report(done, total)
        for need in needs:
            need.flush()
            self._memory.keep(need)
        if self.store is not None:
            self.store.enforce_limit({need.space.path for need in needs if need.space is not None})

    def _engine(self, domain: Domain, need: Need, missing: list[int], stack: ExitStack) -> Engine:
        """Open the engine; one that had to fall back has a space of its own, which is looked into as well."""
        backbone, report = need.backbone, self.tick(f"export the graph of {need.backbone.name}, once") or _silent

        def probes() -> list[NDArray[Any]]:
            report(0, 1)  # inputs are asked for only where a graph has to be exported, which takes a while
            return first_inputs(domain.samples, missing, backbone)

        known, name = self._open, (backbone.fingerprint, need.engine)
        engine = None if known is None else known.get(name)
        if engine is None:
            engine = open_engine(backbone, need.engine, probes)
            report(1, 1)
            if known is not None:
                known[name] = engine
        if engine.name != need.engine:
            need.engine = engine.name
            self._look_up(need, stack)
        return engine

    def _results(
        self, domain: Domain, wanted: list[Wanted], engines: dict[int, Engine]
    ) -> Iterable[tuple[Need, Row, bool]]:
        workers = max(1, min(self.workers, len(wanted)))
        way = by_kind(WAYS, domain.kind, "embedding")
        return Workers(way.tasks(domain.samples, wanted, engines), way.work(domain.samples, engines), workers)


@dataclass(frozen=True)
class Way:
    """How examples of one kind are embedded: the tasks that they are dealt into, and the work on one task.

    The work yields for each example and backbone: whose it is, features or a reason, and whether that may be stored.
    """

    tasks: Callable[[Samples, Sequence[Wanted], dict[int, Engine]], Iterator[Any]]
    work: Callable[[Samples, dict[int, Engine]], Callable[[Any], Iterator[tuple[Need, Row, bool]]]]


OUTPUTS: dict[Output, str] = {"pooled": "one for each example", "tokens": "a row for each part"}
HOW: dict[Output, str] = {"pooled": "pool its output", "tokens": "leave its output as it is"}
WAYS: dict[Kind, Way] = {
    "image": Way(image_tasks, partial(array_work, read_picture)),
    "text": Way(text_tasks, text_work),
    "sound": Way(image_tasks, partial(array_work, read_recording)),
    "sentence": Way(sentence_tasks, sentence_work),
    "scene": Way(image_tasks, partial(array_work, read_picture)),
}
"""How examples are embedded one by one; ``AT_ONCE`` has the other kinds."""


def embed(
    data: Any,
    backbone: Any = None,
    *,
    store: bool = True,
    engine: Choice = "auto",
    verbose: bool | None = None,
    **columns: Any,
) -> NDArray[np.float32]:
    """Features ``(n, width)`` of examples, as a frozen backbone sees them: a row for each, in the order of ``data``.

    ``data`` and ``columns`` are what ``read`` takes: a ``Domain``, a path, a list of images or texts, rows of features,
    which are returned as they are, or a table, whose columns are encoded by what these rows say of them. ``backbone``
    is a name, a ``Backbone`` or a module; None takes the bundled one. With ``store`` no example is embedded twice.
    Raises ``DataError`` where an example cannot be read.

    >>> embed(["a good film", "a bad film"], "char_ngrams", store=False).shape
    (2, 4096)
    """
    domain = read(data, **columns)
    embedder = Embedder(FeatureStore() if store else None, engine=engine, progress=display(verbose))
    found = find_backbone(backbone, domain.kind)
    if found.preprocess is not None and not isinstance(backbone, Backbone):
        found = replace(found, preprocess=found.preprocess.suited(domain))
    # What reads something without being fitted is left as it is: the features of two calls are alike.
    reader = found if found.width else embedder.fitted(found, domain)
    embedding = embedder(domain, reader)[0]
    check_all_read(domain.ids, embedding.problems)
    return embedding.features


def check_all_read(ids: Sequence[str], problems: Mapping[Any, str]) -> None:
    """Raise ``DataError`` where there are ``problems`` with reading examples, by position or by name."""
    if problems:
        at, reason = next(iter(problems.items()))
        name = ids[at] if isinstance(at, int) else at
        count = f"{len(problems)} of {len(ids)}"
        raise DataError(f"{count} examples cannot be read; the first is {name}: {reason}. Leave them out.")


def _wanted(needs: list[Need], first: dict[str, int]) -> list[Wanted]:
    """Every example that some backbone lacks, in the order of their contents: what runs together has no other cause."""
    lacking: dict[str, list[Need]] = {}
    for need in needs:
        for key in need.missing:
            lacking.setdefault(key, []).append(need)
    return [Wanted(first[key], key, tuple(lacking[key])) for key in sorted(lacking)]


def _embedding(need: Need, scan: Scan, seconds: float, reused: int) -> Embedding:
    features, ok, problems = need.features()
    for index, key in enumerate(scan.keys):
        if not key:
            problems[index] = scan.problems.get(index, "it could not be read when it was scanned")
    return Embedding(
        features, ok, dict(sorted(problems.items())), scan.keys, need.engine, need.computed, reused, seconds
    )


def _as_they_are(_embedder: Embedder, domain: Domain, scan: Scan, backbone: Backbone) -> Embedding:
    """Feature tables need no backbone: the same values as float32, zero where a row is not usable."""
    values = domain.features
    if backbone.width not in (0, values.shape[1]):
        raise DataError(f"{backbone.width} features are expected; {domain!r} has {values.shape[1]}.")
    ok = np.array([bool(key) for key in scan.keys], bool) & finite_rows(values)
    problems = {
        i: scan.problems.get(i) or what_is_wrong(values[i], domain.feature_names) for i in np.flatnonzero(~ok).tolist()
    }
    features = np.where(ok[:, None], values, 0).astype(np.float32)
    return Embedding(features, ok, problems, scan.keys, "none", 0, 0, 0.0)


def _encoded(_embedder: Embedder, domain: Domain, scan: Scan, backbone: Backbone) -> Embedding:
    """Rows of a table by a fitted encoding; of no width before it is fitted."""
    encoding, table = backbone.preprocess, domain.samples
    assert isinstance(table, Table)
    features = np.zeros((len(table), 0), np.float32)
    if isinstance(encoding, ColumnsPreprocess):
        features = encoding.encode(table)
    return Embedding(features, np.ones(len(table), bool), {}, scan.keys, "none", 0, 0, 0.0)


def _compared(embedder: Embedder, domain: Domain, scan: Scan, backbone: Backbone) -> Embedding:
    """Pairs by what the backbone makes of both sides."""
    known = np.array([bool(key) for key in scan.keys], bool)
    examples, at = sides_of(domain.take(known))
    features = np.zeros((len(domain), backbone.width), np.float32)
    problems = {
        i: scan.problems.get(i, "it could not be read when it was scanned") for i in np.flatnonzero(~known).tolist()
    }
    if not len(examples):
        return Embedding(features, known, problems, scan.keys, "none", 0, 0, 0.0)
    sides = embedder(examples, of_one_side(backbone))[0]
    for i, pair in zip(np.flatnonzero(known).tolist(), at.tolist(), strict=True):
        if wrong := wrong_sides(pair, sides.problems, examples.kind):
            problems[i] = wrong
    features[known] = compared(*(sides.features[at[:, side]] for side in range(2)))
    ok = known & ~np.isin(np.arange(len(domain)), list(problems))
    features[~ok] = 0
    counts = (sides.engine, sides.computed, sides.reused, sides.seconds)
    return Embedding(features, ok, dict(sorted(problems.items())), scan.keys, *counts)


def _joined(embedder: Embedder, domain: Domain, scan: Scan, backbone: Backbone) -> Embedding:
    """Mixed rows: typed columns by their codes, columns of examples by their backbones; of no width before a fit."""
    read, table = backbone.preprocess, mixed_table([domain])
    assert isinstance(read, MixedPreprocess)
    features = np.zeros((len(domain), backbone.width), np.float32)
    if read.fitted:
        at = features.shape[1] - sum(cell.width for cell in read.cells)
        features[:, :at] = read.encode(table)
    filled, engines, computed, reused, seconds = {}, [], 0, 0, 0.0
    for cell in (read if read.fitted else with_usual(read, table)).cells:
        cells = table.examples(cell.name)
        seen = embedder(cells, cell.backbone)[0]
        if read.fitted:
            cell.write(seen.features, seen.ok, features[:, at : at + cell.width])
            at += cell.width
        if seen.problems:
            filled[cell.name] = why_unread(cells, seen.problems)
        engines.append(seen.engine)
        computed, reused, seconds = computed + seen.computed, reused + seen.reused, seconds + seen.seconds
    said = " + ".join(dict.fromkeys(engines)) or "none"
    ok = np.ones(len(domain), bool)
    return Embedding(features, ok, {}, scan.keys, said, computed, reused, seconds, filled)


AT_ONCE: dict[Kind, Callable[[Embedder, Domain, Scan, Backbone], Embedding]] = {
    "pair": _compared,
    "image_pair": _compared,
    "row": _encoded,
    "mixed": _joined,
    "features": _as_they_are,
}
"""Kinds whose examples are not embedded one by one."""


def _fitted_to_mixed(embedder: Embedder, backbone: Backbone, domains: Sequence[Domain]) -> Backbone:
    """The backbone of mixed rows, fitted to what theirs make of the columns of ``domains``."""
    read = backbone.preprocess
    if not isinstance(read, MixedPreprocess) or read.fitted:
        return backbone
    table = mixed_table(domains)
    cells, left = [], {}
    for cell in with_usual(read, table).cells:
        seen = embedder(table.examples(cell.name), cell.backbone)[0]
        made = cell.fit(seen.features, seen.ok)
        if made is None:
            left[cell.name] = ONE_VALUE if seen.ok.any() else NO_VALUE
        else:
            cells.append(made)
    return mixed_backbone(read.with_codes(table, cells, left))


FITTED: dict[Kind, Callable[[Embedder, Backbone, Sequence[Domain]], Backbone]] = {
    "row": lambda _embedder, backbone, domains: fitted_to(backbone, *domains),
    "mixed": _fitted_to_mixed,
}
"""Kinds of which every backbone is fitted to the training part, without labels; of others, one that has ``fitting``."""


def _silent(_done: int, _total: int) -> None:
    """A progress callback that does nothing."""


def _seldom(report: Callable[[int, int], None] | None) -> Callable[[int, int], None]:
    """``report``, called at most ten times a second."""
    last = time.perf_counter()

    def maybe(done: int, total: int) -> None:
        nonlocal last
        now = time.perf_counter()
        if report is not None and (done == total or now - last > 0.1):
            last = now
            report(done, total)

    return maybe
