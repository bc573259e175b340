"""A method with its settings searched on folds of the training part."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar
from zlib import crc32

import numpy as np

from transferium.data.fingerprint import fingerprint
from transferium.errors import DataError, InputError, TransferiumError
from transferium.functional.class_shares import balanced_weights
from transferium.methods.catalogue import find_method, method_class
from transferium.methods.fitted import Fitted
from transferium.methods.folds import held_out_folds, notes_on_folds
from transferium.methods.method import Method
from transferium.methods.settings.field import setting
from transferium.methods.task import Task
from transferium.methods.unused_settings import suppress_unused_warnings, warn_of_unused
from transferium.selection.selection import Selection
from transferium.selection.space import Dial, find_dials
from transferium.system.processes import refuse_several
from transferium.training.resume.changes import differences, listed

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

STUDY = "study.db"
RULE = "lowest log-loss over folds"


@dataclass
class Tuned(Method):
    """Search the settings of ``method`` by log-loss on folds of the training part, then fit the best on all of it.

    The first trial is the method with its defaults, so that a search can say whether it was worth its time. Trials that
    fall behind the median of those before them, after the same fold, are stopped (pruned). The tree-structured Parzen
    estimator proposes: Bergstra et al., "Algorithms for hyper-parameter optimization" (2011), as Optuna makes it.
    Where ``fixed`` balances the classes, scores count every class alike, as the method's own do.
    The test part takes no part. With ``storage`` several machines share one study; without, the study lies in the run's
    own state, and an interrupted search goes on with the trials it has and ends as if it had not been interrupted.
    """

    name: ClassVar[str] = "tune"

    method: str = "finetune"
    fixed: Mapping[str, Any] = field(default_factory=dict)
    search: tuple[str, ...] = ()
    trials: int = setting(20, "settings that are tried", bounds={"least": 1})
    timeout_s: float | None = setting(None, "seconds after which no trial begins", bounds={"above": 0})
    folds: int = setting(3, "folds of the training part", bounds={"least": 2})
    storage: str | None = None
    study: str = "transferium"

    def check(self) -> None:
        """Raise ``InputError`` for an unknown method, setting or range."""
        if self.method == "auto":
            raise InputError(
                "auto chooses by itself and has nothing to search; name a method, as in --method finetune."
            )
        made = self._made_of(self.fixed)
        warn_of_unused(made, [dial.name for dial in self.dials])
        both = [dial.name for dial in self.dials if dial.name in self.fixed]
        if both and self.search:
            raise InputError(f"{', '.join(both)} is both fixed by --set and searched: leave one of the two out.")

    @property
    def dials(self) -> tuple[Dial, ...]:
        """What is searched: as asked, else what the method names, less what is fixed."""
        cls = method_class(self.method)
        # The settings that a method adds to its base class are the important ones.
        own = () if "searched" in vars(cls) else tuple(vars(cls).get("__annotations__", ()))
        named = dict.fromkeys((*cls.searched, *own)) if cls.searched else ()
        dials = find_dials(cls.settings(), self.search, tuple(named))
        return dials if self.search else tuple(d for d in dials if d.name not in self.fixed)

    @property
    def balanced(self) -> bool:
        """Whether every trial trains for equal class shares."""
        settings = self._made_of(self.fixed).get_params()
        turned = {dial.name for dial in self.dials}
        return any(settings.get(name) == "balanced" and name not in turned for name in ("class_weights", "sampling"))

    def _made_of(self, settings: Mapping[str, Any]) -> Method:
        """The method with some of its settings, without warnings: in a trial some may be unused."""
        with suppress_unused_warnings():
            return find_method(self.method, settings)

    def to_json(self) -> dict[str, Any]:
        return super().to_json() | {"fixed": dict(self.fixed)}

    def fit(self, task: Task) -> Fitted:
        """Search (going on with what the study holds), then fit the best settings on the whole training part."""
        refuse_several("a search proposes as it goes", "run tune once a machine, over one --storage")
        started = time.perf_counter()
        fold = held_out_folds(task.train.y, self.folds, task)
        if fold.max() <= 0:
            raise DataError(
                f"a search scores examples that were not trained on, and {task.train.name!r} has too few to hold any "
                "out: no class has 2 independent training examples. Add examples, or name settings and use fit."
            )
        study = open_study(self, task)
        run_trials(study, self, FoldLoss(self, task, fold))
        task.tell("trials", self.trials, self.trials)
        try:
            best = best_trial(study)
        except InputError:
            self._forget_study(task)
            raise
        ended = _ended(study)
        number = [trial.number for trial in ended].index(best.number)
        settings = dict(self.fixed) | _values(self.dials, best.params)
        fitted = self._made_of(settings).fit(task)
        selection = Selection(
            f"{RULE}, every class counting alike" if self.balanced else RULE,
            f"{int(fold.max()) + 1} folds of the training part ({len(task.train)} examples)",
            [_row(i, trial) for i, trial in enumerate(ended)],
            {"trial": number, **best.params},
            tuple(
                filter(None, (_gain(ended[0], best), *notes_on_folds(task, fold, self.folds), str(fitted.selection)))
            ),
        )
        spent = {"search": time.perf_counter() - started - sum(fitted.seconds.values())}
        return replace(fitted, selection=selection, seconds=spent | fitted.seconds)

    def _forget_study(self, task: Task) -> None:
        """Delete the run's own study, which has no result: it would stop the next search."""
        if self.storage is None and task.workdir is not None:
            with suppress(PermissionError):  # Windows keeps a file that is open
                (task.workdir / STUDY).unlink(missing_ok=True)


@dataclass(frozen=True)
class FoldLoss:
    """One trial: the mean log-loss of every fold, reported fold by fold, so that a bad trial is stopped early."""

    tuned: Tuned
    task: Task
    fold: np.ndarray

    def __call__(self, trial: Trial) -> float:
        self.task.tell("trials", min(trial.number, self.tuned.trials - 1), self.tuned.trials)
        try:
            return self._score(trial)
        except TransferiumError as error:
            trial.set_user_attr("failed", str(error))
            raise

    def _score(self, trial: Trial) -> float:
        from optuna import TrialPruned

        begin = time.perf_counter()
        settings = dict(self.tuned.fixed) | {d.name: _suggest(trial, d) for d in self.tuned.dials}
        losses: list[float] = []
        right: list[float] = []
        sizes: list[int] = []
        alike = self.tuned.balanced
        count = int(self.fold.max()) + 1
        for k in range(count):
            answers, y = self.answers(settings, k)
            likelihood = answers[np.arange(len(y)), y]
            weights = balanced_weights(y, answers.shape[1])[y] if alike else None
            losses.append(float(np.average(-np.log(np.maximum(likelihood, 1e-12)), weights=weights)))
            right.append(float(np.average(answers.argmax(1) == y, weights=weights)))
            sizes.append(len(y))
            trial.set_user_attr("accuracy", float(np.average(right, weights=sizes)))
            trial.set_user_attr("log_loss_std", float(np.std(losses)))
            trial.set_user_attr("seconds", round(time.perf_counter() - begin, 1))
            trial.report(float(np.mean(losses)), k)
            if k + 1 < count and trial.should_prune():
                raise TrialPruned
        return float(np.mean(losses))

    def answers(self, settings: Mapping[str, Any], k: int) -> tuple[np.ndarray, np.ndarray]:
        """Outputs for the examples of fold ``k`` by a model of the others, and their labels."""
        fitted = self.tuned._made_of(settings).fit(self.task.on(np.flatnonzero(self.fold != k)))
        held = self.task.train.take(self.fold == k)
        return fitted.head.outputs(self.task.embed(held, fitted.backbone).features), held.y


def open_study(tuned: Tuned, task: Task) -> Study:
    """The study of this search, made where there is none; ``InputError`` for one that belongs to another search."""
    try:
        import optuna
    except ModuleNotFoundError as error:
        raise InputError(
            "tune searches with Optuna, which is not installed: pip install 'transferium[tune]'"
        ) from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    own = tuned.storage is None and task.workdir is not None
    study = optuna.create_study(
        study_name=tuned.study,
        storage=_storage(tuned, task),
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4),
    )
    _refuse_another(study, _about(tuned, task), own)
    study.sampler = _sampler(tuned, task)
    if own:
        _give_up_on_cut_off(study)
    waiting = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.WAITING,))
    if not waiting and not (_ended(study) if own else study.trials):
        study.enqueue_trial(_defaults(tuned))
    return study


def _sampler(tuned: Tuned, task: Task) -> BaseSampler:
    """The sampler, seeded for each trial by how many came to their end before it: one that was cut off is repeated.

    Over one ``storage`` each process proposes something else, and keeps away from what the others are trying.
    """
    from transferium.methods.model_selection.seeded_sampler import SeededSampler

    if tuned.storage is None:
        return SeededSampler([task.seed], lambda study, _trial: len(_ended(study)), shared=False)
    who = [crc32(platform.node().encode()), os.getpid()]
    return SeededSampler([task.seed, *who], lambda _study, trial: trial.number, shared=True)


def _give_up_on_cut_off(study: Study) -> None:
    """Mark trials that were interrupted as failed; no other process uses this study."""
    from optuna.trial import TrialState

    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)


def _ended(study: Study) -> list[FrozenTrial]:
    """The trials that came to their end, in order."""
    return [trial for trial in study.get_trials(deepcopy=False) if _counts(trial)]


def _counts(trial: FrozenTrial) -> bool:
    """Whether a trial came to its end: scored, pruned, or refused by its settings; not one that was cut off."""
    from optuna.trial import TrialState

    return trial.state in (TrialState.COMPLETE, TrialState.PRUNED) or "failed" in trial.user_attrs


def _storage(tuned: Tuned, task: Task) -> Any:
    from optuna.storages import RDBStorage
    from sqlalchemy.exc import SQLAlchemyError

    if tuned.storage is None and task.workdir is None:
        return None
    if tuned.storage is None:
        assert task.workdir is not None
        task.workdir.mkdir(parents=True, exist_ok=True)
    url = tuned.storage or f"sqlite:///{task.workdir}/{STUDY}"
    url = url if "://" in url else f"sqlite:///{url}"
    try:
        # A machine that died leaves its trial unfinished: it counts for nothing, and the others go on.
        return RDBStorage(url)
    except (SQLAlchemyError, ImportError) as error:
        why = str(error).splitlines()[0]
        raise InputError(
            f"the study's storage {url!r} cannot be opened: {why}. Give a file or a database URL."
        ) from error


def _about(tuned: Tuned, task: Task) -> dict[str, Any]:
    """What two searches must share to use one study."""
    return {
        "method": tuned.method,
        "settings": {name: str(value) for name, value in sorted(tuned.fixed.items())},
        "search": [dial.to_json() for dial in tuned.dials],
        "folds": tuned.folds,
        "seed": task.seed,
        "backbone": f"{task.backbone.name} {task.backbone.fingerprint[:16]}",
        "preprocessing": task.backbone.preprocess and task.backbone.preprocess.to_json(),
        "training examples": fingerprint(task.train),
    }


def _refuse_another(study: Study, about: Mapping[str, Any], own: bool) -> None:
    plain = json.loads(json.dumps(about))
    before = study.user_attrs.get("about")
    if before is None:
        if study.trials:
            raise InputError(
                f"study {study.study_name!r} was not made by this program; name another with --study or --storage."
            )
        study.set_user_attr("about", plain)
        return
    if changed := differences(before, plain):
        others = "name another --out, or add --restart to throw it away" if own else "name another --study or --storage"
        raise InputError(
            f"study {study.study_name!r} belongs to another search: {listed(changed)}. Repeat that search, or {others}."
        )


def run_trials(study: Study, tuned: Tuned, objective: Callable[[Trial], float]) -> None:
    """Try settings until the study has as many trials as were asked for, or the time is over."""

    def stop_when_done(study: Study, _trial: FrozenTrial | None = None) -> bool:
        done = len(_ended(study)) >= tuned.trials
        if done and _trial is not None:
            study.stop()
        return done

    if not stop_when_done(study):
        study.optimize(objective, timeout=tuned.timeout_s, callbacks=[stop_when_done], catch=(TransferiumError,))


def best_trial(study: Study) -> FrozenTrial:
    """The trial of the lowest loss; raises ``InputError`` where none came to its end, with the reasons."""
    try:
        return study.best_trial
    except ValueError as error:
        whys = dict.fromkeys(t.user_attrs["failed"] for t in study.trials if "failed" in t.user_attrs)
        why = f" Why: {'; '.join(list(whys)[:3])}" if whys else ""
        raise InputError(f"no trial of the search could be finished ({len(study.trials)} tried).{why}") from error


def _suggest(trial: Trial, dial: Dial) -> Any:
    if dial.choices:
        return trial.suggest_categorical(dial.name, list(dial.choices))
    if dial.whole:
        return trial.suggest_int(dial.name, int(dial.low), int(dial.high), log=dial.logarithmic)
    return trial.suggest_float(dial.name, dial.low, dial.high, log=dial.logarithmic)


def _values(dials: tuple[Dial, ...], params: Mapping[str, Any]) -> dict[str, Any]:
    return {dial.name: params[dial.name] for dial in dials}


def _defaults(tuned: Tuned) -> dict[str, Any]:
    """The method's own values, of those dials whose range holds them."""
    here = tuned._made_of(tuned.fixed).get_params()
    found: dict[str, Any] = {}
    for dial in tuned.dials:
        value = here[dial.name]
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if dial.choices:
            same = [choice for choice in dial.choices if str(choice).lower() == str(value).lower()]
            if same:
                found[dial.name] = same[0]
        elif number and dial.low <= value <= dial.high:
            found[dial.name] = value
    return found


def _row(number: int, trial: FrozenTrial) -> dict[str, Any]:
    last = (
        trial.value
        if trial.value is not None
        else trial.intermediate_values.get(max(trial.intermediate_values, default=0))
    )
    return {
        "trial": number,
        "state": trial.state.name.lower(),
        **trial.params,
        "log_loss": last,
        **{name: trial.user_attrs.get(name) for name in ("log_loss_std", "accuracy", "seconds")},
    }


def _gain(first: FrozenTrial, best: FrozenTrial) -> str:
    """Whether the search found anything that the defaults did not have."""
    if first.value is None or best.value is None or best.number == first.number:
        return "no trial beat the first, the method's defaults" if best.number == first.number else ""
    return f"log-loss {best.value:.4f}, the first trial's (the method's defaults) {first.value:.4f}"
