"""``transferium compare``: how far apart two domains are, in what way, and which methods fit that."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferium.data.doctor.doctor import check_trainable
from transferium.data.domain import Domain
from transferium.data.pairing import Pair
from transferium.embedding.embed import Embedder
from transferium.errors import DataError, InputError
from transferium.evaluation.collapse import collapse
from transferium.functional.adaptation.label_shift import bbse_interval
from transferium.functional.linear_classifier import softmax
from transferium.functional.shift.a_distance import a_distance
from transferium.functional.shift.accuracy_loss import accuracy_loss
from transferium.functional.shift.frechet import frechet_distance
from transferium.functional.shift.label_explains import explained_by_shares
from transferium.functional.shift.permutation import mmd_permutation_test
from transferium.functional.shift.share_difference import share_difference
from transferium.job.compare.advice import advise, apart
from transferium.job.compare.contradictions import contradictions
from transferium.job.compare.family import signs
from transferium.job.compare.findings import compare_contents
from transferium.job.compare.surface import compare_surface
from transferium.job.fit.prepare import Prepared, prepare
from transferium.job.fit.readable import choose_backbone
from transferium.job.fit.within_memory import within_memory
from transferium.job.stopwatch import Stopwatch
from transferium.methods.fitted import Fitted
from transferium.methods.frozen.linear_probe import LinearProbe
from transferium.methods.model_selection.guards import FEWEST, Preconditions
from transferium.methods.shallow_adaptation.label_shift import held_out_answers
from transferium.methods.task import Task

Array = NDArray[np.float64]
FRECHET_ROWS = 2000
UNASKED = -1
"""In place of a prediction, for an example that no model was held out from."""
SAID_ELSEWHERE = ("labels-stripped", "class-sets", "identical-domains")


def compare_domains(
    pair: Pair, embedder: Embedder, *, backbone: str | None = None, seed: int = 0, permutations: int = 200
) -> dict[str, Any]:
    """Every kind of shift that can be measured here, the reason for each that cannot, and advice.

    Target labels, where there are any, are used for the conditional shift and for the class shares, and said to be.
    """
    chosen, found = choose_backbone(backbone, pair.source, pair.target)
    watch = Stopwatch(embedder.progress)
    source, target = (prepare(domain, embedder, chosen, watch=watch) for domain in (pair.source, pair.target))
    whole, reader = (source.domain, target.domain), embedder.fitted(source.backbone, source.domain)
    kept, cut = within_memory(dict(zip(("source", "target"), whole, strict=True)), reader.width, seed=seed)
    source, target = source.of(kept["source"]), target.of(kept["target"])
    task = Task(source.domain, None, reader, embedder, seed, groups=source.domain.groups)
    x, z = (np.asarray(task.embed(d).features, np.float64) for d in (source.domain, target.domain))
    untrainable = why_untrainable(source.domain)
    probe = None if untrainable else LinearProbe().fit(task)
    inputs = covariate(x, z, seed, permutations)
    origin = pair.origin[source.diagnosis.keep] if len(pair.names) > 1 else None
    between = [*compare_contents(*whole), *contradictions(pair.names, origin, task)]
    told: dict[str, Any] = {
        "source": {"name": pair.source.name, "examples": len(whole[0])},
        "target": {"name": pair.target.name, "examples": len(whole[1])},
        "kind": pair.source.kind,
        "backbone": source.backbone.name,
        "covariate": inputs,
        "untrainable": untrainable,
        "identical": any(f.kind == "identical-domains" for f in between),
        "label": counted(label_shift(source.domain, probe, x, z, seed, apart(inputs)), pair, source.domain, target),
        "conditional": conditional(pair, source.domain, target, probe, z),
        "classes": [f.message for f in pair.findings if f.kind == "class-sets"],
        "collapse": "" if probe is None else collapse(probe.head.predict(z), *known_shares(source.domain)),
        "signs": {} if probe is None else signs(source.domain, probe, x, z),
        "surface": compare_surface(*whole, seed=seed),
        "notes": [f.message for f in (*found, *pair.findings, *cut, *between) if f.kind not in SAID_ELSEWHERE],
    }
    preconditions = Preconditions.of(task.embed(source.domain), task.embed(target.domain), origin)
    return told | advise(told, preconditions)


def why_untrainable(source: Domain) -> str:
    """The reason why a source cannot train a classifier, as ``fit`` gives it; empty where it can."""
    try:
        check_trainable(source)
    except DataError as error:
        return str(error)
    return ""


def copies(source: Domain, target: Domain) -> NDArray[np.int64]:
    """For every target example the source row of the same content, or -1."""
    place = {key: row for row, key in enumerate(source.keys or ()) if key}
    return np.array([place.get(key, -1) for key in target.keys or ()], np.int64)


def covariate(x: Array, z: Array, seed: int, permutations: int) -> dict[str, Any]:
    """Distances between the inputs, or why there are none."""
    try:
        apart = a_distance(x, z, seed=seed)
        test = mmd_permutation_test(x, z, seed=seed, permutations=permutations)
        n = min(len(x) // 2, len(z), FRECHET_ROWS)
        rng = np.random.default_rng(seed)
        rows = [m[np.sort(rng.permutation(len(m))[:n])] for m in (x, z)]
        halves = rng.permutation(len(x))
        beside = frechet_distance(x[halves[:n]], x[halves[n : 2 * n]]) if n >= 2 else None
        apart_frechet = frechet_distance(rows[0], rows[1])
    except InputError as error:
        return {"reason": str(error)}
    return {
        "a_distance": apart.distance,
        "domain_accuracy": {"value": apart.accuracy, "low": apart.low, "high": apart.high},
        "mmd": {"value": test.value, "p_value": test.p_value, "permutations": test.permutations},
        "frechet": {"value": apart_frechet, "rows": n, "within_source": beside},
    }


def known_shares(source: Domain) -> tuple[tuple[str, ...], Array]:
    """The names of the source's classes, and the share of each."""
    return source.classes, np.bincount(source.y, minlength=len(source.classes)) / len(source)


def label_shift(source: Domain, probe: Fitted | None, x: Array, z: Array, seed: int, far: str = "") -> dict[str, Any]:
    """The target's class shares as BBSE estimates them, with intervals, beside the source's.

    Where the inputs are ``far`` apart, and why, a class looks different in the target and the estimate does not hold:
    ``unfounded`` says so, and there is none.
    """
    if probe is None:
        return {"reason": "the source cannot train a classifier"}
    if len(z) < FEWEST:
        return {"reason": f"at least {FEWEST} target examples are needed; found {len(z)}"}
    rows: list[dict[str, Any]]
    predicted = softmax(probe.head.logits(z) / probe.head.temperature)
    try:
        shares, low, high = bbse_interval(*held_out_answers(source, probe), predicted, seed=seed, resamples=300)
    except DataError as error:
        return {"reason": str(error)}
    names, given = known_shares(source)
    if far:
        rows = [{"class": name, "source": float(share)} for name, share in zip(names, given, strict=True)]
        why = f"a confusion matrix of the source says nothing of the target where {far}"
        return {"shares": rows, "moved": [], "explained": explained_by_shares(x, source.y, z), "unfounded": why}
    rows = [
        {
            "class": name,
            "source": float(given[k]),
            "value": float(shares[k]),
            "low": float(low[k]),
            "high": float(high[k]),
        }
        for k, name in enumerate(names)
    ]
    moved = [row["class"] for row in rows if not row["low"] <= row["source"] <= row["high"]]
    return {"shares": rows, "moved": moved, "explained": explained_by_shares(x, source.y, z)}


def counted(found: dict[str, Any], pair: Pair, source: Domain, target: Prepared) -> dict[str, Any]:
    """``found`` with the shares by the target's own labels, where every row has one: these decide which classes moved.

    Shares are of the rows whose class the source has. ``estimated`` are the classes that would be said to have moved
    without the labels.
    """
    if pair.answers is None or "shares" not in found:
        return found
    known = pair.answers.take(target.diagnosis.keep)
    named, n = np.array(known.classes)[known.y], len(source.classes)
    there = np.array([(named == name).sum() for name in source.classes])
    if not there.any():
        return found
    value, low, high = share_difference(np.bincount(source.y, minlength=n), there)
    moved = [name for name, a, b in zip(source.classes, low, high, strict=True) if a > 0 or b < 0]
    rows = [
        row
        | {"counted": float(there[k] / there.sum()), "examples": int(there[k])}
        | {"difference": {"value": float(value[k]), "low": float(low[k]), "high": float(high[k])}}
        for k, row in enumerate(found["shares"])
    ]
    told = {"shares": rows, "moved": moved, "estimated": found["moved"], "labels": int(there.sum())}
    return found | told | {"note": "counted from target labels, which no fit and no choice may see"}


def conditional(pair: Pair, source: Domain, target: Prepared, probe: Fitted | None, z: Array) -> dict[str, Any]:
    """The accuracy loss of the source's model on labelled target examples, in all and by class, with intervals.

    A target example that is in the source too is answered as there: by a model that had not seen it.
    """
    if pair.answers is None:
        return {"reason": "it takes target labels, and this target has none"}
    if probe is None:
        return {"reason": "the source cannot train a classifier"}
    if probe.oof_outputs is None:
        return {"reason": "the source has too few examples to hold any out"}
    known, classes = pair.answers.take(target.diagnosis.keep), source.classes
    shared = [name for name in classes if name in known.classes]
    if not shared:
        return {"reason": "source and target share no class name"}
    answers = probe.oof_outputs
    held, at_home = ~np.isnan(answers).any(axis=1), answers.argmax(axis=1)
    met, guess = copies(source, target.domain), probe.head.predict(z)
    guess[met >= 0] = np.where(held, at_home, UNASKED)[met[met >= 0]]
    rows: list[dict[str, Any]] = []
    right: list[tuple[NDArray[np.bool_], NDArray[np.bool_]]] = []
    for name in shared:
        k = classes.index(name)
        here, there = held & (source.y == k), (guess != UNASKED) & (known.y == known.classes.index(name))
        if not there.any() or not here.any():
            continue
        right.append((at_home[here] == k, guess[there] == k))
        lost = accuracy_loss(*([side] for side in right[-1])).as_dict()
        known_by = {"source": float(right[-1][0].mean()), "target": float(right[-1][1].mean())}
        rows.append({"class": name} | known_by | {"loss": lost, "examples": int(there.sum())})
    if not rows:
        return {"reason": "no class has held-out examples in the source and examples in the target"}
    note = "measured with target labels, which no fit and no choice may see"
    return {"loss": accuracy_loss(*zip(*right, strict=True)).as_dict(), "classes": rows, "note": note}
