"""The use of each column of a table: named by the user, or found from common column names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from transferium.data.columns.column import TYPES, ColumnType, check_type
from transferium.data.domain import Kind
from transferium.data.folders.example_files import EXAMPLE_FILES, kind_of_path
from transferium.data.modality import KINDS, by_kind
from transferium.data.sentences.sentence_cells import may_be_sentence
from transferium.data.text_pair import both_columns
from transferium.errors import DataError, InputError, did_you_mean, option
from transferium.problems.catalogue import AUTO, OF_PARTS, PROBLEMS, Asked, kind_of

LABEL_NAMES = ("label", "class", "target", "y")
FILE_NAMES = ("path", "file", "filename", "file_name")
IMAGE_NAMES = ("image", "image_path", *FILE_NAMES)
SOUND_NAMES = ("sound", "audio", "audio_path", "recording", "clip", *FILE_NAMES)
TEXT_NAMES = ("text", "sentence", "review", "content")
SENTENCE_NAMES = ("tokens", "words", *TEXT_NAMES)


USES = ("image", "text", "other", "sound", "sentence", "label", "part", "group", "id")


@dataclass(frozen=True)
class Columns:
    """The columns of a table by their use; None for no such column, or for one that the reader finds itself.

    ``other`` is the column of the second texts or images of pairs, of which ``text`` or ``image`` is then the first.
    ``by`` is the column of subgroups, whatever else it is used for; it cannot be that of the labels.
    ``columns`` are those that a row is made of (None: all that have no other use), without those to ``drop``, which are
    as if they were not there; ``types`` says what some of them hold: a type, or a kind of example, which makes rows
    mixed.
    ``problem`` is the kind of problem that labels pose. With ``labels_beside`` no column is taken for the labels.
    With ``gaps`` a label column that is not filled throughout gives no labels, and no error either: a target's.
    With ``whole`` every image of a folder is read, and labels only where all have one. ``layout`` says what a folder
    is, one of ``LAYOUTS``; ``expected`` is the kind of example a model reads, and decides between tables and images.
    """

    image: str | None = None
    text: str | None = None
    other: str | None = None
    sound: str | None = None
    sentence: str | None = None
    label: str | None = None
    part: str | None = None
    group: str | None = None
    id: str | None = None
    by: str | None = None
    columns: tuple[str, ...] | None = None
    drop: tuple[str, ...] = ()
    types: Mapping[str, ColumnType | Kind] = field(default_factory=dict)
    kind: Kind | None = None
    gaps: bool = False
    labels_beside: bool = False
    whole: bool = False
    layout: str | None = None
    expected: Kind | None = None
    problem: Asked = AUTO

    def about(self) -> str:
        """The columns of labels and parts in words, as the end of what a table is said to hold."""
        named = {use: name for use, name in self.named().items() if use in ("label", "part")}
        return "".join(f", {use}s in column {name!r}" for use, name in named.items())

    @property
    def examples(self) -> dict[str, Kind]:
        """The columns of mixed rows whose cells are examples, and of what kind."""
        return {name: kind for name, found in self.types.items() for kind in CELL_KINDS if kind == found}

    @property
    def typed(self) -> dict[str, ColumnType]:
        """The other columns of which it was said what they hold."""
        return {name: known for name, found in self.types.items() for known in TYPES if known == found != "text"}

    def of_examples(self, kind: Kind) -> Any:
        """The column of such examples; of pairs, those of both sides."""
        one = next((one for one, pair in PAIRS.items() if pair == kind), None)
        return getattr(self, kind) if one is None else (getattr(self, one), self.other)

    def for_problem(self, names: Sequence[str]) -> Columns:
        """The same; where the problem decides what kind of example is read, texts among the columns are of that kind.

        Raises ``InputError`` where that is not the kind that was asked for.
        """
        asked = kind_of(self.problem)
        kind: Any = PROBLEMS[asked].reads if asked != AUTO else ""
        if not kind:
            return self
        if self.kind not in (None, kind) or self.image or self.columns:
            given = f"{option('kind', str(self.kind))} was" if self.kind else "other columns were"
            raise InputError(f"{option('problem', asked)} is about {KINDS[kind]}, and {given} named: leave one out.")
        usual, _ = by_kind(COLUMNS, kind, "column of a table")
        column = getattr(self, kind) or self.text or _guess(usual, names)
        changes: dict[str, Any] = {"kind": kind, "text": None, kind: column}
        return replace(self, **changes)

    def wanted(self) -> Kind | None:
        """The kind of example that is asked for: by name, by its problem, or by the model that is to read it."""
        asked = kind_of(self.problem)
        own: Any = PROBLEMS[asked].reads if asked != AUTO else ""
        return own or self.kind or self.expected

    def refuse_names(self, where: str) -> None:
        """Raise ``InputError`` where columns are named of what is no table."""
        if named := [*self.named(), *(["columns"] if self.columns else []), *(["layout"] if self.layout else [])]:
            raise InputError(f"{where} is no table, and {named[0]} was named: leave it out.")

    def named(self) -> dict[str, str]:
        """Every column that is not a feature, by its use."""
        uses = {field.name: getattr(self, field.name) for field in fields(self)}
        return {use: name for use, name in uses.items() if name is not None and use in USES}

    def of_files(self) -> tuple[str, ...]:
        """The columns whose cells may be files: one, or those of both sides of pairs."""
        named = next((name for use, name in self.named().items() if use in EXAMPLE_FILES), None)
        return tuple(name for name in (named, self.other) if name is not None) if named is not None else ()


def remembered(columns: Mapping[str, Any]) -> dict[str, str]:
    """What of the columns that were named a model remembers, to read new data by the same."""
    named = {**columns, **both_columns(**{use: columns.get(use) for use in PAIRS})}
    return {use: name for use, name in named.items() if use in (*COLUMNS, "other", "label", "id") and name is not None}


def settle(asked: Columns, first: Mapping[str, Any], where: str) -> Columns:
    """The columns for every use, from what was asked for and the first value of each column.

    Raises ``DataError`` for a column that is not there and ``InputError`` where two kinds are asked for at once.
    """
    asked, names = asked.for_problem(list(first)), list(first)
    more = (
        ("by", () if asked.by is None else (asked.by,)),
        ("columns", asked.columns or ()),
        ("drop", asked.drop),
        ("type", tuple(asked.types)),
    )
    for use, name in (*asked.named().items(), *((use, name) for use, listed in more for name in listed)):
        if name not in first:
            raise DataError(
                f"{where} has no column {name!r} (asked for as {use}); {_columns(names)}. {_near(name, names)}"
            )
    if twice := sorted({*asked.named().values(), *(asked.columns or ()), *asked.examples} & {*asked.drop}):
        raise InputError(f"column {twice[0]!r} is to be used and to be dropped: leave one of the two out.")
    if twice := sorted({*asked.named().values()} & {*asked.examples}):
        raise InputError(f"column {twice[0]!r} was named twice: as a column of mixed rows, and for another use.")
    names = [name for name in names if name not in asked.drop]
    kind = _asked_kind(asked)
    free = [name for name in names if name not in asked.examples]
    label = asked.label or (None if asked.labels_beside else _guess(LABEL_NAMES, free))
    found = replace(asked, label=label, id=asked.id or _guess(("id",), [n for n in free if n != label]))
    if label is not None and label == asked.by:
        raise InputError(
            f"{option('by', label)} names the column of labels, by which nothing is compared: name another column."
        )
    if asked.label is not None and asked.label in {asked.other, *(getattr(asked, use) for use in COLUMNS)}:
        raise InputError(f"column {label!r} was named twice: as the labels, and as what they are learned from.")
    free = [name for name in names if name not in found.named().values()]
    columns = {
        use: getattr(asked, use) or _guess(usual, [n for n in free if may_be(first[n]) and n not in asked.types])
        for use, (usual, may_be) in COLUMNS.items()
    }
    if not any(columns.values()) and (files := _use_of_files(kind, first)) is not None:
        columns[files] = only = _only_files(files, asked, label, first, where)
        found = replace(found, id=None if found.id == only and asked.id is None else found.id)
    if asked.other is not None:
        return replace(found, kind=kind)
    for use, column in columns.items():
        if kind == use or (kind is None and column):
            if asked.types:
                raise InputError(f"types are of the columns of rows, and {where} holds {KINDS[use]}: leave them out.")
            if label is None and not asked.labels_beside:
                label = _guess(LABELS_BESIDE.get(use, ()), free)
            changes: dict[str, Any] = {use: _need(column, use, COLUMNS[use][0], names, where), "kind": use}
            return replace(found, label=label, problem=_problem_of(use, asked.problem, where), **changes)
    columns_of_rows = tuple(dict.fromkeys((*asked.columns, *asked.examples))) if asked.columns else tuple(free)
    return replace(found, kind=kind or "row", columns=columns_of_rows)


def _problem_of(kind: Kind, asked: Asked, where: str) -> Asked:
    """The problem that examples of that kind pose: where their parts have labels, that one."""
    own = OF_PARTS.get(kind)
    if own is None or kind_of(asked) == own:
        return asked
    if asked != AUTO:
        raise InputError(
            f"{where} holds {KINDS[kind]}, of which the words have labels, and {option('problem', kind_of(asked))} was "
            f"asked for: say {option('problem', own)}, or give texts, which have a label each."
        )
    return own


def _asked_kind(asked: Columns) -> Kind | None:
    """The kind that the named columns mean."""
    kinds: set[Kind] = {kind for kind in COLUMNS if getattr(asked, kind)}
    if asked.other is not None and len(kinds) == 1:
        kinds = {PAIRS.get(kind, kind) for kind in kinds}
    kinds |= {asked.kind} if asked.kind else set()
    kinds |= {"mixed"} if asked.examples else set()
    if asked.columns and not kinds & {"features", "mixed"}:
        kinds.add("row")
    if len(kinds) > 1:
        several = f"or say of each column of a mixed row what it holds, as {option('type', 'COL=text')} does"
        raise InputError(f"{' and '.join(sorted(kinds))} were asked for at once: name one kind of example, {several}.")
    if kinds == {"mixed"} and not asked.examples:
        raise InputError(f"mixed rows have columns of examples: name each, as {option('type', 'COL=image')} does.")
    return next(iter(kinds), None)


def _guess(wanted: Sequence[str], names: Sequence[str]) -> str | None:
    by_lower = {name.strip().lower(): name for name in reversed(names)}
    return next((by_lower[name] for name in wanted if name in by_lower), None)


def _may_be_image(value: Any) -> bool:
    return isinstance(value, (bytes, dict)) or kind_of_path(value) == "image"


def _may_be_sound(value: Any) -> bool:
    return isinstance(value, (bytes, dict)) or kind_of_path(value) == "sound"


LABELS_BESIDE = {"sentence": ("ner_tags", "tags", "spans", "entities", "labels")}
"""What a column of labels may be called beside such examples, where it has no usual name."""
COLUMNS: dict[Kind, tuple[tuple[str, ...], Callable[[Any], bool]]] = {
    "image": (IMAGE_NAMES, _may_be_image),
    "sentence": (SENTENCE_NAMES, may_be_sentence),
    "text": (TEXT_NAMES, lambda value: isinstance(value, str | None)),
    "sound": (SOUND_NAMES, _may_be_sound),
}
"""What a column of examples is usually called, and whether a first cell may be such an example; the first that fits."""


PAIRS: dict[Kind, Kind] = {"text": "pair", "image": "image_pair"}
"""Kinds of example of which two make one example of another kind, where two columns are named."""
CELL_KINDS: tuple[Kind, ...] = tuple(kind for kind in COLUMNS if kind not in OF_PARTS)
"""Kinds of example that a column of a mixed row may hold."""


def said_types(types: Mapping[str, str]) -> dict[str, ColumnType | Kind]:
    """What is said of columns: their type, or the kind of example they hold; ``InputError`` where there is no such."""
    kinds: dict[str, Kind] = {kind: kind for kind in CELL_KINDS}
    return {name: kinds.get(found) or check_type(name, found, CELL_KINDS) for name, found in types.items()}


def _use_of_files(kind: Kind | None, first: Mapping[str, Any]) -> Kind | None:
    """The kind of example that columns may name files of: the one that is asked for, else the first that looks so."""
    if kind is not None:
        return kind if kind in EXAMPLE_FILES else None
    return next(filter(None, map(kind_of_path, first.values())), None)


def _only_files(use: Kind, asked: Columns, label: str | None, first: Mapping[str, Any], where: str) -> str | None:
    """The column whose cells end like such files, whatever it is called; raises ``DataError`` where there are two."""
    named = {asked.part, asked.group, asked.id, label, *asked.drop, *(asked.columns or ())}
    alike = [name for name, cell in first.items() if kind_of_path(cell) == use and name not in named]
    if len(alike) > 1:
        listed = ", ".join(map(repr, alike))
        raise DataError(f"{where}: {listed} all look like {KINDS[use]}: name one with {option(use)}")
    return alike[0] if alike else None


def _need(name: str | None, use: str, usual: Sequence[str], names: Sequence[str], where: str) -> str:
    if name is None:
        listed = ", ".join(usual)
        raise DataError(
            f"{where}: no column looks like the {use} column ({listed}); {_columns(names)}. Name it: {option(use)}"
        )
    return name


def _columns(names: Sequence[str]) -> str:
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return f"it has the columns {', '.join(map(repr, names[:20]))}{more}"


def _near(name: str, names: Sequence[str]) -> str:
    return did_you_mean(name, names, "Name one of these.")
