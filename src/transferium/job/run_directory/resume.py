"""Resuming an interrupted run: its command and options are kept in ``RUN/state/command.json``."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from transferium.artifact import DESCRIPTION
from transferium.errors import (
    DataError,
    InputError,
    NonFiniteError,
    TransferiumError,
    TransferiumWarning,
    add_note,
    refusing,
)
from transferium.job.options import (
    OF_BACKBONE,
    PRETRAIN,
    asked_methods,
    backbone_settings,
    named_settings,
    pretraining_settings,
)
from transferium.job.run_directory.provenance import versions
from transferium.job.run_directory.state_paths import COMMAND, ENCODER, RESULT, STATE, TASKS
from transferium.methods.method import Method
from transferium.methods.model_selection.saved_decision import DECISION
from transferium.methods.model_selection.search import STUDY
from transferium.system.checked_files import (
    LONGEST_JSON,
    DamagedFile,
    check_seal,
    parse_json,
    read_file,
    write_sealed_json,
)
from transferium.system.processes import everyone, rank
from transferium.training.logs.journal import LOG, Journal, read_log
from transferium.training.logs.trackers import TRACK
from transferium.training.resume.changes import differences, listed
from transferium.training.resume.interruption import asked_to_end

FORMAT = 2
"""From 2 on ``command.json`` holds a seal: the digest of all that is in it."""
SIGNS = (DESCRIPTION, TASKS, f"{STATE}/{COMMAND}", f"{STATE}/{STUDY}")
"""Files that mark a folder as a finished run, one of several tasks, an interrupted run or a search."""
PLACES = ("data", "source", "few", "labels", "out")
FREE = (*PLACES, "as_json", "track", "resume", "restart", "strict", "oracle", "no_store", "map", "forget_data")
"""Options that may differ between a run and its resumption: where data is (what is in it is compared later), and what
changes nothing in the model."""
WEIGHTY = ("transferium", "torch", "timm", "transformers", "numpy", "onnxruntime")
"""Packages whose version can change the last bit of a result."""

Options = Mapping[str, Any]


def is_interrupted(run: Path) -> bool:
    """Whether ``run`` holds the command of a run that did not end."""
    return (run / STATE / COMMAND).is_file()


def is_searching(run: Path) -> bool:
    """Whether ``run`` holds the study of a search that did not end."""
    return (run / STATE / STUDY).is_file()


def is_finished(run: Path) -> bool:
    """Whether ``run`` holds a model and nothing under way."""
    return (run / DESCRIPTION).is_file() and not is_interrupted(run) and not is_searching(run)


def has_diverged(run: Path) -> bool:
    """Whether the run under way in ``run`` stopped at a value that was not finite: going on would stop there again."""
    told = read_log(run / STATE / LOG) if is_interrupted(run) else []
    return bool(told) and told[-1].get("event") == "failed" and told[-1].get("diverged", False)


def remembered(run: Path) -> dict[str, Any]:
    """The command and options of the run; raises ``InputError`` where they are not readable."""
    if not is_interrupted(run):
        if is_searching(run):
            raise InputError(f"{run} holds an interrupted search: give the whole tune command again to go on with it.")
        what = "does not exist" if not run.exists() else f"holds no {STATE}/{COMMAND}"
        raise InputError(
            f"there is nothing to resume: {run} {what}. Name the --out of an interrupted fit, or give the whole "
            "command."
        )
    path = run / STATE / COMMAND
    with refusing(InputError, f"{path} is damaged", f": give the whole command again, with --out {run}."):
        content = read_file(path, LONGEST_JSON)
        whole, told = check_seal(content), parse_json(content)
        if not whole and told["format"] > 1:
            raise DamagedFile("its seal is missing")
        if not all(isinstance(told[name], dict) for name in ("options", "versions")):
            raise DamagedFile("it holds no options")
    if told["format"] > FORMAT:
        raise InputError(f"{path} has format {told['format']}, and this version reads up to {FORMAT}.")
    return told


def refuse_moved_data(told: Options, run: Path) -> None:
    """Raise ``DataError`` where the data of a run is no longer where it was."""
    options = told["options"]
    few = options.get("few")
    for path in (options["data"], *options.get("source", ()), *([] if few is None else [few])):
        if not Path(path).exists():
            raise DataError(
                f"the data of this run was at {path}, and nothing is there now. Bring it back, or give the whole "
                f"command with its new place and --out {run}: what was done is kept."
            )


def begins_anew(run: Path, options: Options, method: Method) -> bool:
    """Whether the state in ``run`` is thrown away: with ``--restart``, or after it diverged, unless --resume is given.

    Raises ``InputError`` where a run that could go on has other options or another ``method``, naming old → new.
    """
    if options["restart"]:
        return True
    if is_searching(run):
        raise InputError(
            f"{run} holds an interrupted search. Go on with it by its tune command; or name another --out; or add "
            "--restart to throw it away."
        )
    if not is_interrupted(run) or not _has_progress(run):
        return False
    if options["resume"] is None and has_diverged(run):
        return True
    before, asked = remembered(run)["options"], json.loads(_as_json(options))
    if changed := differences(_compared(before, _method_of(before)), _compared(asked, method)):
        raise InputError(
            f"the interrupted run in {run} has other options: {listed(changed)}. Go on with it by "
            f"transferium fit --resume {run}; or name another --out; or add --restart to throw it away."
        )
    return False


def refuse_fit_under_way(run: Path) -> None:
    """Raise ``InputError`` where a search is about to begin in the folder of an interrupted fit that could go on."""
    if is_interrupted(run) and not has_diverged(run):
        raise InputError(
            f"{run} holds an interrupted fit. Go on with it by transferium fit --resume {run}; or name another --out; "
            "or add --restart to throw it away."
        )


def warn_of_versions(told: Options) -> None:
    """Warn where a resumed run may not end bit-identical because versions of packages changed."""
    now = versions()
    moved = [
        f"{name} {old} → {now.get(name)}"
        for name, old in told["versions"].items()
        if name in WEIGHTY and now.get(name) != old
    ]
    if moved:
        warnings.warn(
            f"this run began with other versions ({', '.join(moved)}): it goes on, and may end in other last digits "
            "than it would have.",
            TransferiumWarning,
            stacklevel=2,
        )


def forget(run: Path) -> None:
    """Throw away what is under way in ``run``; a finished model beside it stays."""
    if rank() == 0 and (is_interrupted(run) or is_searching(run)):
        shutil.rmtree(run / STATE, ignore_errors=True)


def begin_anew(run: Path, anew: bool) -> None:
    """Forget what is under way, if that was decided, once the new command and its data have been read."""
    if anew:
        everyone(None)  # all have looked at it to decide
        forget(run)
        everyone(None)  # no process goes on before it is gone


@contextmanager
def remembering(run: Path, options: Options, command: str) -> Iterator[None]:
    """Write down the command and what becomes of it; after a mistake or a fault, leave nothing without progress."""
    if rank() > 0:
        yield
        return
    again = is_interrupted(run)
    _write(run / STATE, options, command)
    journal = Journal(run / STATE)
    journal.event("resumed" if again else "started", {"command": command})
    try:
        yield
    except (Exception, KeyboardInterrupt, SystemExit) as error:
        _note_end(run, error)
        raise


def _note_end(run: Path, error: BaseException) -> None:
    if asked_to_end(error) is None and isinstance(error, Exception):
        diverged = isinstance(error, NonFiniteError)
        Journal(run / STATE).event("failed", {"message": str(error)} | ({"diverged": True} if diverged else {}))
        if diverged and _has_progress(run):
            add_note(error, f"A command with other settings, or on mended data, and --out {run} begins anew.")
        if not _has_progress(run):
            forget(run)
            _drop_empty(run)
        return
    told = read_log(run / STATE / LOG)
    if not told or told[-1].get("event") != "interrupted":
        Journal(run / STATE).event("interrupted")


@contextmanager
def tidying(run: Path) -> Iterator[None]:
    """After a mistake of the user's, leave no folder of ``run`` that holds nothing."""
    try:
        yield
    except TransferiumError:
        _drop_empty(run / STATE)
        _drop_empty(run)
        raise


def keep_log(run: Path, fresh: Path) -> None:
    """Carry the log, and what trackers wrote, from ``run``'s state into the finished run.

    Of several models (``source 1``) each one's tracks lie in a folder called after it.
    """
    state = run / STATE
    if (state / LOG).exists():
        shutil.copyfile(state / LOG, fresh / LOG)
        Journal(fresh).event("finished")
    for tracks in sorted(state.rglob(TRACK)):
        shutil.copytree(tracks, fresh / TRACK / tracks.parent.relative_to(state), dirs_exist_ok=True)


def _drop_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _has_progress(run: Path) -> bool:
    signs = (run / STATE / DECISION, run / STATE / ENCODER / RESULT)
    return any(sign.exists() for sign in signs) or any((run / STATE).rglob("*.safetensors"))


def _compared(options: Options, method: Method) -> dict[str, Any]:
    """The options that decide the result; settings of the method and their defaults as values: 1e-4 is 0.0001."""
    kept = {name: value for name, value in options.items() if name not in (*FREE, "settings", "lr")}
    given = named_settings(options)
    beside = {n: v for n, v in given.items() if n in (*OF_BACKBONE, "separator") or n.startswith(PRETRAIN)}
    return kept | {"method": json.loads(json.dumps(method.to_json())), "set": beside}


def _method_of(options: Options) -> Method:
    """The method of a remembered command, without warnings: the run gave them when it began."""
    settings = named_settings(options)
    settings.pop("separator", None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        backbone_settings(settings)
        pretraining_settings(settings)
        return asked_methods(options, settings)[0]


def _as_json(options: Options) -> str:
    return json.dumps(options, default=lambda path: str(Path(path).resolve()))


def _write(state: Path, options: Options, command: str) -> None:
    facts = {"format": FORMAT, "command": command, "folder": str(Path.cwd()), "versions": versions()}
    try:
        write_sealed_json(state / COMMAND, facts | {"options": json.loads(_as_json(options))})
    except OSError as error:
        raise InputError(f"{state} cannot be written: {error}. Make room, or name another --out.") from error
