"""Options that several commands share, and the values made from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from transferium.cli.echo import echo
from transferium.cli.progress import command_progress, is_quiet

if TYPE_CHECKING:
    from transferium.embedding.embed import Embedder

F = TypeVar("F", bound=Callable[..., Any])

COLUMNS = {
    "image": "Column with image paths or bytes; of pairs, twice.",
    "text": "Column with texts; of pairs, twice.",
    "sound": "Column with paths of sound files, or their bytes.",
    "sentence": "Column with sentences: lists of words, or texts.",
    "label": "Column with labels.",
    "part": "Column that says train, val or test.",
    "group": "Column whose equal values stay on one side of every split.",
    "id": "Column with the examples' names.",
}

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")


class GivenPath(click.Path):
    """A path; an empty one, as from an unset variable of a shell, is refused: it would mean the current folder."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path that was written."""
        if value == "":
            self.fail("it is empty. Write . for the current folder.", param, ctx)
        return super().convert(value, param, ctx)


@dataclass(frozen=True)
class Elsewhere:
    """Data that is named by a URL or is an archive: it is copied when the command begins."""

    url: str

    def copied(self) -> Path:
        """Where its copy lies, which is made now; how much that is, is said."""
        from transferium.data.remote.local_copy import local_copy

        copy = local_copy(self.url, command_progress())
        if not is_quiet():
            size = f"{copy.files:,} files, {copy.size / 1e6:,.1f} MB; {copy.fetched:,} copied now"
            echo(f"{self.url}: {size} to {copy.path}", err=True)
        return copy.path


class GivenData(GivenPath):
    """A path of data, or what is ``Elsewhere``."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path that was written, or what has to be copied first."""
        from transferium.data.remote.local_copy import is_remote

        return Elsewhere(str(value)) if is_remote(value) else super().convert(value, param, ctx)


def with_copies(command: click.Command) -> click.Command:
    """The command, which is given the copies of data that its arguments name ``Elsewhere``."""
    inner = command.callback
    assert inner is not None

    @wraps(inner)
    def callback(**given: Any) -> Any:
        return inner(**{name: _here(value) for name, value in given.items()})

    command.callback = callback
    return command


def _here(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_here, value))
    return value.copied() if isinstance(value, Elsewhere) else value


SEED = click.IntRange(0, 2**32 - 1)
"""The seeds that all libraries take."""

data_argument = click.argument("data", type=GivenData())
forget_data = click.option(
    "--forget-data", is_flag=True, help="Keep no hashes of the training examples; evaluate cannot tell them then."
)
run_argument = click.argument("run", type=GivenPath())


def _usable_backbone(_context: click.Context, _option: click.Parameter, name: str | None) -> str | None:
    """The callback of ``--backbone``: raises ``MissingExtraError`` for one that needs what is not installed here."""
    from transferium.models.catalogue import check_installed

    if name is not None:
        check_installed(name)
    return name


def backbone(help: str) -> Callable[[F], F]:
    """``--backbone``, with what it is for; refused before anything is read where it needs what is not installed."""
    text = f"{help}  [default: the bundled one]"
    return click.option("--backbone", metavar="NAME", callback=_usable_backbone, help=text)


PROBLEM = (
    "What is predicted: a class, several labels (a|b), an amount, entities, boxes, a translation, a transcription.  "
    "[default: as labels look]"
)
LAYOUT = "What a folder is: its folders are classes or parts, or it holds a table or images.  [default: as it looks]"
LAYOUTS = ("classes", "parts", "table", "images")
PROBLEM_KINDS = ("auto", "classes", "multi-label", "regression", "entities", "boxes", "translation", "transcription")


def _one_or_several(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> Any:
    """The callback of a column that may be given several times: None, its name, or a tuple of names."""
    return given if len(given) > 1 else next(iter(given), None)


def _or_none(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> list[str] | None:
    """The callback of a repeatable option that runs of earlier versions do not know: None where it was not given."""
    return list(given) or None


def columns(command: F, *, tasks: bool = False) -> F:
    """``--image``, ``--text`` and all other options that say what the columns of a table are, or a folder."""
    command = click.option("--problem", type=click.Choice(PROBLEM_KINDS), help=PROBLEM)(command)
    command = click.option("--layout", type=click.Choice(LAYOUTS), help=LAYOUT)(command)
    types = "What a column holds: number, category, boolean, date; text, image, sound in mixed rows; repeatable."
    command = click.option("--type", "types", multiple=True, callback=_or_none, metavar="COL=TYPE", help=types)(command)
    command = click.option(
        "--drop", multiple=True, callback=_or_none, metavar="COL", help="Column to leave out; repeatable."
    )(command)
    inputs = "The columns that a row is made of: A,B,C.  [default: all that have no other use]"
    command = click.option("--columns", "inputs", metavar="COLS", help=inputs)(command)
    for name, text in reversed(COLUMNS.items()):
        repeated = name in ("image", "text") or (tasks and name == "label")
        several: dict[str, Any] = {"multiple": True, "callback": _one_or_several} if repeated else {}
        said = f"{text} Repeatable: a task for each." if several and name == "label" else text
        command = click.option(f"--{name}", name, metavar="COL", help=said, **several)(command)
    return command


def pretraining(command: F) -> F:
    """``--pretrain`` and ``--objective``: what is learned before a fit."""
    names = "What is learned from it: see transferium pretrain --help.  [default: mlm of texts, dae of others]"
    command = click.option("--objective", metavar="NAMES", help=names)(command)
    corpus = "First learn an encoder from this corpus, on from --backbone if given, and say whether that paid."
    return click.option("--pretrain", metavar="CORPUS", type=GivenPath(), help=corpus)(command)


def columns_of_tasks(command: F) -> F:
    """The same, where ``--label`` may be given several times."""
    return columns(command, tasks=True)


def engine(command: F) -> F:
    """``--engine`` and ``--no-store``: how embedding is run."""
    names = click.Choice(["auto", "onnx", "torch"])
    command = click.option("--no-store", is_flag=True, help="Neither read nor write the feature store.")(command)
    return click.option("--engine", type=names, default="auto", show_default=True, help="What runs the backbone.")(
        command
    )


def named_columns(options: dict[str, Any]) -> dict[str, Any]:
    """The columns that the user named, their types, the layout and the problem, as ``read`` takes them."""
    named: dict[str, Any] = {name: options[name] for name in (*COLUMNS, "layout") if options.get(name) is not None}
    if options.get("inputs") is not None:
        named["columns"] = [name.strip() for name in options["inputs"].split(",")]
    if options.get("drop"):
        named["drop"] = list(options["drop"])
    if options.get("types"):
        named["types"] = _typed_columns(options["types"])
    return named if options.get("problem") is None else named | {"problem": options["problem"]}


def _typed_columns(given: list[str]) -> dict[str, str]:
    """``--type a=text --type b=image`` by column; raises ``BadParameter`` where one is given two types."""
    types: dict[str, str] = {}
    for name, found in map(_typed_column, given):
        if types.setdefault(name, found) != found:
            said = f"it was given twice for column {name!r}: as {types[name]} and as {found}."
            raise click.BadParameter(said, param_hint="--type")
    return types


def _typed_column(given: str) -> tuple[str, str]:
    name, equals, found = given.rpartition("=")
    if not (name and equals and found):
        raise click.BadParameter(f"{given!r} is not COL=TYPE, as zip=category is.", param_hint="--type")
    return name, found


def with_separator(columns: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """``columns`` with what stands between labels, which is taken out of ``settings``: ``--set separator=;``."""
    separator = settings.pop("separator", None)
    if separator is None:
        return columns
    from transferium.errors import InputError
    from transferium.problems.multi_label import MultiLabel

    if columns.get("problem", MultiLabel.kind) != MultiLabel.kind or not separator:
        raise InputError("separator says what stands between several labels: give it with --problem multi-label.")
    return columns | {"problem": MultiLabel((), str(separator))}


def only_separator(options: dict[str, Any]) -> dict[str, Any]:
    """The named columns with ``--set separator=…``; raises ``InputError`` for any other setting."""
    from transferium.errors import InputError
    from transferium.methods.settings.parse import split_settings

    settings = split_settings(options["settings"])
    columns = with_separator(named_columns(options), settings)
    if settings:
        raise InputError(f"nothing is fitted here, so there is no setting {next(iter(settings))!r}: leave it out.")
    return columns


def make_embedder(options: dict[str, Any], *, stays_open: bool = False) -> Embedder:
    """An embedder over the user's store, which shows its progress unless ``--quiet`` was given.

    One that ``stays_open`` is asked again and again, for a part of the data each time.
    """
    from transferium.embedding.embed import Embedder
    from transferium.embedding.store.store import FeatureStore
    from transferium.system.processes import world

    progress = command_progress()
    store = None if options["no_store"] else FeatureStore()
    if world() > 1:
        from transferium.embedding.shards import ShardedEmbedder

        return ShardedEmbedder(store, engine=options["engine"], progress=progress)
    return Embedder(store, engine=options["engine"], progress=progress, stays_open=stays_open)


def trackers(names: tuple[str, ...]) -> tuple[str, ...]:
    """``--track a --track b`` or ``--track a,b``; raises ``InputError`` for one that is not there."""
    asked = [name.strip() for given in names for name in given.split(",") if name.strip()]
    if not asked:
        return ()
    from transferium.training.logs.trackers import check_trackers

    return check_trackers(asked)


def seconds(text: str | None, option: str = "--budget") -> float | None:
    """Read a duration: ``90``, ``90s``, ``10m``, ``1.5h``."""
    if text is None:
        return None
    unit = {"s": 1.0, "m": 60.0, "h": 3600.0}.get(text[-1:].lower())
    try:
        value = float(text if unit is None else text[:-1]) * (unit or 1.0)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise click.BadParameter(f"{text!r} is not a duration; write 90s, 10m or 1.5h.", param_hint=option)
    return value


def refuse_twice(command: click.Command, args: list[str]) -> None:
    """Raise ``UsageError`` where an option that takes one value was given two, with both of them."""
    options = [p for p in command.params if isinstance(p, click.Option) and not p.is_flag]
    called = {word: option for option in options for word in option.opts}
    seen: dict[str | None, str] = {}
    for word, value in typed(args, set(called)):
        option = called[word]
        first = seen.setdefault(option.name, value)
        if first != value and not option.multiple:
            what = " It takes one column: join the two in one." if option.metavar == "COL" else ""
            raise click.UsageError(f"{word} was given twice, as {first!r} and as {value!r}: leave one out.{what}")


def typed(args: list[str], valued: set[str]) -> Iterator[tuple[str, str]]:
    """Each option of ``valued`` in ``args`` and its value, in order.

    >>> list(typed(["data", "--text", "a", "--json", "--text=b", "--", "--text"], {"--text"}))
    [('--text', 'a'), ('--text', 'b')]
    """
    words = iter(args)
    for word in words:
        if word == "--":
            return
        name, equals, value = word.partition("=")
        if name in valued:
            yield name, value if equals else next(words, "")
