"""``fit --resume RUN`` and ``--restart``: going on with an interrupted run, or starting anew."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click
from click.core import ParameterSource

from transferium.cli.echo import echo
from transferium.errors import InputError, Terminated
from transferium.training.resume.interruption import asked_to_end

BESIDE = ("resume", "restart")


class Interrupted(click.ClickException):
    """The job ended because it was asked to; ``code`` is the shell's for that signal."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code

    def show(self, file: Any = None) -> None:
        """One line on standard error."""
        del file
        echo(self.message, err=True)


def given_beside(context: click.Context) -> list[str]:
    """The options that were typed beside ``--resume`` and ``--restart``."""
    typed = (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)
    return [
        param.opts[0] if isinstance(param, click.Option) else str(param.human_readable_name)
        for param in context.command.params
        if param.name and param.name not in BESIDE and context.get_parameter_source(param.name) in typed
    ]


def recall(context: click.Context, options: dict[str, Any]) -> tuple[dict[str, Any], str, Path] | None:
    """The options of the run named by ``--resume``, its command and the folder it was given in.

    None, after saying so, for a run that is finished.
    """
    from transferium.job.run_directory.resume import is_finished, refuse_moved_data, remembered, warn_of_versions

    run: Path = options["resume"]
    if beside := given_beside(context):
        raise InputError(
            f"--resume goes on with the run's own options; it was given {', '.join(beside)} as well. Leave that "
            f"out, or give the whole command with --out {run}. Beside --resume only --restart may stand."
        )
    if is_finished(run):
        echo(f"{run} is finished: nothing was changed. Its report is {run / 'report.html'}.")
        return None
    told = remembered(run)
    refuse_moved_data(told, run)
    warn_of_versions(told)
    known = {param.name for param in context.command.params}
    back = {name: value for name, value in told["options"].items() if name in known}
    back |= {"data": Path(back["data"]), "source": tuple(Path(p) for p in back.get("source", ())), "out": run.resolve()}
    back |= {name: Path(back[name]) for name in ("few", "pretrain") if back.get(name) is not None}
    back |= {name: tuple(value) for name, value in back.items() if isinstance(value, list)}
    return options | back | {name: options[name] for name in BESIDE}, str(told["command"]), Path(told["folder"])


@contextmanager
def working_in(folder: Path | None) -> Iterator[None]:
    """Stand in ``folder`` for a while, so that names given there mean what they meant; here, where it is gone."""
    before = Path.cwd()
    if folder is not None and folder.is_dir():
        os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@contextmanager
def saying_how_to_go_on(command: str, sign: Path | None) -> Iterator[None]:
    """End on SIGTERM or Ctrl-C with one line that says how to go on; exit code 143 or 130.

    By the path ``sign`` it is known that something was begun; where that is None, something always was.
    """

    def end(_number: int, _frame: object) -> NoReturn:
        raise Terminated

    before = signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, end)
    try:
        yield
    except (Exception, KeyboardInterrupt, Terminated) as error:
        asked = asked_to_end(error)
        if asked is None:
            raise
        begun = sign is None or sign.exists()
        kept = f"what is done is kept. Go on with: {command}"
        words = f"interrupted: {kept if begun else 'nothing was begun; give the same command again.'}"
        raise Interrupted(words, 128 + asked) from error
    finally:
        signal.signal(signal.SIGTERM, before)
