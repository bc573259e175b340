"""The ``transferium`` command: its commands, how errors are printed, and its exit codes."""

from __future__ import annotations

import difflib
import errno
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import Any, TextIO

import click

from transferium.cli import commands
from transferium.cli.compare import compare
from transferium.cli.echo import echo
from transferium.cli.environment import help_text
from transferium.cli.jobs.advise import advise_command
from transferium.cli.jobs.compare_runs import compare_runs_command
from transferium.cli.jobs.embed_data import embed_command
from transferium.cli.jobs.export_run import export_command
from transferium.cli.jobs.near import near_command
from transferium.cli.jobs.next_labels import next_command
from transferium.cli.jobs.pretrain import pretrain
from transferium.cli.jobs.rank import rank_command
from transferium.cli.jobs.serve import serve
from transferium.cli.options import refuse_twice, with_copies
from transferium.cli.progress import command_progress
from transferium.cli.resume import Interrupted
from transferium.cli.tune import tune
from transferium.errors import TransferiumError, TransferiumWarning, on_the_command_line
from transferium.system.display import at_work
from transferium.system.printable import shown
from transferium.system.processes import leave, rank
from transferium.training.resume.interruption import asked_to_end
from transferium.version import __version__

EXIT_FAILED, EXIT_USER_ERROR, EXIT_NO_READER = 1, 2, 128 + 13

_REFUSALS = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF}
    | {errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.EMFILE, errno.ENFILE}
)
"""What the operating system may refuse without a fault of this program."""


class ReaderGone(Exception):  # noqa: N818  (it is never shown: whoever read the output has left)
    """The program that read the output has ended."""


class Commands(click.Group):
    """A group that suggests the nearest command for a mistyped one."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; click would end with 1 where a reader has gone, which means a fault here."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise ReaderGone from error

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command named by the first word, or say which is nearest."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], self.commands, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Choose from {', '.join(self.commands)}."
            ctx.fail(f"there is no command {args[0]!r}. {hint}")
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None:
            refuse_twice(command, rest)
        return name, command, rest


@click.group(
    cls=Commands, epilog=help_text(), context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(__version__, "-V", "--version", prog_name="transferium")
@click.option(
    "--quiet", is_flag=True, help="Show no progress, no line on the layout, and no summary after fit and tune."
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(quiet: bool, debug: bool) -> None:
    """Carry what was learned somewhere to where it is needed, and prove that it helped.

    \b
    transferium fit path/to/ants_bees            class folders, or train/ val/ test/ with class folders inside
    transferium fit reviews.csv --text text --label label
    transferium predict runs/ants_bees new_photos/ --out predictions.csv
    transferium evaluate runs/ants_bees path/to/test
    transferium inspect path/to/data             the data doctor alone
    transferium tune path/to/ants_bees --method finetune --trials 20       search the settings, fit the best
    transferium pretrain corpus.txt --out my_encoder       learn an encoder from texts without labels
    transferium fit new_photos/ --source labelled_photos/        adapt to a target without labels
    transferium compare labelled_photos/ new_photos/             how far apart, in what way
    transferium rank new_photos/ --sources shop/ studio/         which source, or which --backbones, suit it
    transferium advise new_photos/ --budget 30m                  extract, tune or adapt: a plan
    transferium next runs/ants_bees unlabelled/ --out next.csv    what to label next
    transferium serve runs/ants_bees             answer requests, with a page to try it by hand
    transferium near new.jpg --in photos/        the nearest examples; transferium embed: features as Parquet
    transferium export runs/ants_bees --out ants.onnx            one file for onnxruntime, without this program
    """
    # --debug is read by main() from the arguments, since errors in parsing come before this function.
    del quiet, debug
    context = click.get_current_context()
    context.with_resource(at_work(command_progress(), str(context.invoked_subcommand)))


for _command in (
    commands.fit,
    commands.predict,
    commands.evaluate,
    commands.inspect,
    compare,
    compare_runs_command,
    rank_command,
    advise_command,
    next_command,
    tune,
    pretrain,
    serve,
    export_command,
    embed_command,
    near_command,
    commands.backbones,
    commands.methods,
    commands.cache,
):
    cli.add_command(with_copies(_command))


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 a fault of this program, 2 something the user can mend."""
    arguments = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in arguments
    # Both may stand anywhere: users add them to the end of the line.
    quiet = ["--quiet"] if "--quiet" in arguments else []
    arguments = quiet + [a for a in arguments if a not in ("--debug", "--quiet")]
    warnings.simplefilter("ignore")
    warnings.simplefilter("always", TransferiumWarning)
    warnings.showwarning = _say_warning
    with _one_voice(), on_the_command_line():
        code = _ended(_run(arguments, debug))
    leave()
    sys.exit(code)


@contextmanager
def _one_voice() -> Iterator[None]:
    """With several processes only the first one prints; the others print errors alone."""
    if rank() == 0:
        yield
        return
    warnings.simplefilter("ignore")
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        yield


def _run(arguments: list[str], debug: bool) -> int:
    try:
        cli.main(arguments, prog_name="transferium", standalone_mode=False)
    except ReaderGone:
        return EXIT_NO_READER
    except click.ClickException as error:
        error.show()
        return error.code if isinstance(error, Interrupted) else EXIT_USER_ERROR
    except (Exception, KeyboardInterrupt) as error:
        if asked := asked_to_end(error) or (signal.SIGINT if isinstance(error, click.Abort) else None):
            echo("interrupted: nothing half-written was left; the same command goes on from the store.", err=True)
            return 128 + asked
        if debug:
            traceback.print_exc()
        with suppress(OSError, TransferiumError):
            echo(f"error: {_in_one_line(_explain(error), arguments)}", err=True)
        return EXIT_USER_ERROR if isinstance(error, TransferiumError) or _is_refusal(error) else EXIT_FAILED
    return 0


def _ended(code: int) -> int:
    """``code``, or what it is where the rest of the output cannot be written; then nothing more is tried."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError) as error:
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return EXIT_NO_READER
        with suppress(OSError, TransferiumError):
            echo(f"error: standard output cannot be written to: {getattr(error, 'strerror', error)}.", err=True)
        return code or EXIT_USER_ERROR
    return code


def _is_refusal(error: BaseException) -> bool:
    """Whether the system refused something that the user can change: a permission, room, the length of a name."""
    return isinstance(error, OSError) and error.errno in _REFUSALS


def _in_one_line(said: str, arguments: list[str]) -> str:
    """``said``, where an argument (such as a strange file's name) cannot look like a line of its own."""
    for given in filter(None, arguments):
        said = said.replace(given, shown(given))
    return said


def _explain(error: BaseException) -> str:
    if isinstance(error, TransferiumError):
        return " ".join([str(error), *getattr(error, "__notes__", ())])
    if isinstance(error, OSError) and _is_refusal(error):
        where = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
        return f"{where}{error.strerror}. The system refused it: give another place, or change what it allows."
    return f"{type(error).__name__}: {error}\nThis is a fault of transferium: run again with --debug and report it."


def _say_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> Any:
    del category, filename, lineno, file, line
    echo(f"warning: {message}", err=True)
