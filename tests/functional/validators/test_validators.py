"""Each validator ranks candidates of known worth rightly, equals a slow version, and is fooled where it says it is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import rankdata
from sklearn.metrics import adjusted_mutual_info_score, cohen_kappa_score, silhouette_score

from transferium.errors import DataError, InputError
from transferium.functional.linear_classifier import log_softmax, softmax
from transferium.functional.validators.agreement import peer_agreement
from transferium.functional.validators.catalogue import VALIDATORS, validate
from transferium.functional.validators.clusters import adjusted_mutual_information, cluster_agreement, silhouette
from transferium.functional.validators.confidence import certainty, diversity, information, nuclear_norm
from transferium.functional.validators.consensus import consensus
from transferium.functional.validators.cross_validation import cross_validated
from transferium.functional.validators.ensemble import ensemble_agreement, ensemble_answers
from transferium.functional.validators.evidence import CannotScoreError, Evidence
from transferium.functional.validators.neighbourhood_density import neighbourhood_density
from transferium.functional.validators.reverse import reverse_accuracy
from transferium.functional.validators.source import dev, importance_weighted, importance_weights, source_accuracy

RNG = np.random.default_rng(12)
CENTRES = np.array([[3.0, 0.0], [-1.5, 2.6], [-1.5, -2.6]])


def domain(n: int, seed: int, move: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    return CENTRES[y] + rng.normal(size=(n, 2)) * 0.7 + [move, 0.0], y


X, Y = domain(150, 0)
Z, TRUTH = domain(150, 1, move=1.0)  # TRUTH only ever checks the construction


def candidate(turn: float, move: float = 1.0, sharp: float = 2.0) -> Evidence:
    """A nearest-centre model, turned away from the right answer by ``turn`` radians on both domains."""
    c, s = math.cos(turn), math.sin(turn)
    centres = CENTRES @ np.array([[c, -s], [s, c]])
    return Evidence(X, sharp * X @ centres.T, Y, Z, sharp * (Z - [move, 0.0]) @ centres.T)


GOOD, WORSE, BAD = candidate(0.0), candidate(0.8), candidate(1.0)
COLLAPSED = replace(GOOD, target_logits=np.tile([30.0, 0.0, 0.0], (150, 1)))
GUESSING = replace(GOOD, target_logits=RNG.normal(size=(150, 3)) * 0.1)
UNDECIDED = replace(GOOD, target_logits=np.zeros((150, 3)))
SCATTERED = replace(GOOD, target_logits=RNG.normal(size=(150, 3)) * 2.0)
# Confident, even, clustered, and wrong: the classes changed places on the target.
PERMUTED = replace(GOOD, target_logits=GOOD.target_logits[:, [1, 2, 0]])


# With whom a candidate is compared: two that are wrong to either side, and one that is right.
OTHERS = tuple(candidate(turn).target_logits for turn in (-0.8, 0.0, 0.8))


SHAPE = ("information", "bnm", "silhouette", "ami", "reverse", "ensemble", "agreement")


def truly(e: Evidence) -> float:
    return float((e.target_predictions == TRUTH).mean())


def score(name: str, e: Evidence) -> float:
    value = validate(replace(e, others=OTHERS), (name,))[name].value
    assert value is not None
    return value


def test_the_candidates_are_worth_what_they_are_said_to_be() -> None:
    assert truly(GOOD) > 0.97 > truly(WORSE) > truly(BAD) + 0.1
    assert truly(COLLAPSED) == pytest.approx(1 / 3)
    assert truly(PERMUTED) < 0.03


@pytest.mark.parametrize("name", sorted(set(VALIDATORS) - {"diversity", "snd"}))
def test_it_ranks_by_worth(name: str) -> None:
    assert score(name, GOOD) > score(name, WORSE) > score(name, BAD), name


@pytest.mark.parametrize(
    "name",
    ["diversity", "information", "bnm", "silhouette", "ami", "reverse", "ensemble", "agreement", "cross-validation"],
)
def test_it_notices_collapse(name: str) -> None:
    assert score(name, GOOD) > score(name, COLLAPSED), name


@pytest.mark.parametrize(
    "name",
    ["entropy", "information", "bnm", "silhouette", "ami", "reverse", "ensemble", "agreement", "cross-validation"],
)
def test_it_notices_guessing(name: str) -> None:
    assert score(name, GOOD) > score(name, GUESSING), name


def test_density_falls_when_predictions_scatter() -> None:
    assert score("snd", GOOD) > score("snd", SCATTERED) + 0.2


BLIND = ["source-accuracy", "importance-weighted", "dev"]


@pytest.mark.parametrize(
    ("name", "trap"),
    [
        *[
            (name, PERMUTED)
            for name in (
                *(*BLIND, "snd", "information", "entropy", "diversity", "bnm", "silhouette", "ami"),
                "cross-validation",
            )
        ],
        *[(name, COLLAPSED) for name in ("entropy", "snd", *BLIND)],
        ("diversity", UNDECIDED),
        ("snd", UNDECIDED),
    ],
)
def test_it_is_fooled_as_documented(name: str, trap: Evidence) -> None:
    """If one of these fails the validator became wiser than its docstring: change the docstring."""
    assert score(name, trap) >= score(name, GOOD) - 1e-9, name


def test_an_ensemble_is_the_mean_of_what_its_members_say() -> None:
    members = [RNG.normal(size=(7, 3)) for _ in range(4)]
    slow = [[np.mean([softmax(m[[i]])[0, k] for m in members]) for k in range(3)] for i in range(7)]
    assert ensemble_answers(members) == pytest.approx(np.array(slow))
    hits = [members[0][i].argmax() == np.argmax(slow[i]) for i in range(7)]
    assert ensemble_agreement(members[0], members[1:]) == pytest.approx(np.mean(hits))


def test_agreement_is_the_mean_of_kappas() -> None:
    members = [RNG.normal([0.8, 0, 0], size=(60, 3)) for _ in range(4)]
    answers = [m.argmax(axis=1) for m in members]
    expected = np.mean([cohen_kappa_score(answers[0], other) for other in answers[1:]])
    assert peer_agreement(members[0], members[1:]).value == pytest.approx(expected)


def test_the_error_of_a_lead_in_agreement_is_that_of_other_samples() -> None:
    """The standard error of a difference, from one sample, against its spread over many."""
    rng = np.random.default_rng(0)

    def drawn(n: int) -> list[np.ndarray]:
        y = np.minimum(rng.integers(0, 5, n), 2)
        told = [np.where(rng.random(n) < right, y, rng.integers(0, 3, n)) for right in (0.9, 0.8, 0.5)]
        return [9.0 * np.eye(3)[each] for each in told]

    leads = []
    for _ in range(400):
        a, b, c = drawn(300)
        leads.append(peer_agreement(a, [b, c]).lead(peer_agreement(c, [a, b])))
    spread, errors = np.std([value for value, _ in leads]), [error for _, error in leads]
    assert np.mean(errors) == pytest.approx(spread, rel=0.1)


def all_scores(score: Callable[[np.ndarray, list[np.ndarray]], float], *logits: np.ndarray) -> list[float]:
    """Every candidate's score beside all others."""
    return [score(each, [*logits[:k], *logits[k + 1 :]]) for k, each in enumerate(logits)]


def kappa(logits: np.ndarray, others: list[np.ndarray]) -> float:
    return peer_agreement(logits, others).value


@pytest.mark.parametrize("ask", [ensemble_agreement, kappa])
def test_together_they_are_fooled_where_most_are_wrong_alike_and_never_by_one(
    ask: Callable[[np.ndarray, list[np.ndarray]], float],
) -> None:
    few = all_scores(ask, GOOD.target_logits, candidate(0.3).target_logits, PERMUTED.target_logits)
    assert np.argmin(few) == 2
    most = all_scores(ask, GOOD.target_logits, *[PERMUTED.target_logits] * 2)
    assert np.argmin(most) == 0


def test_a_collapse_that_most_share_fools_the_ensemble_and_not_agreement() -> None:
    stuck = [np.where(RNG.random((150, 1)) < 0.1, GOOD.target_logits, [30.0, 0.0, 0.0]) for _ in range(3)]
    every = [*stuck, GOOD.target_logits, candidate(0.3).target_logits]
    assert np.argmax(all_scores(ensemble_agreement, *every)) < 3
    assert np.argmax(all_scores(kappa, *every)) >= 3


def test_two_have_nobody_to_agree_with() -> None:
    with pytest.raises(CannotScoreError, match="needs 3 candidates or more; found 2"):
        ensemble_answers([GOOD.target_logits, WORSE.target_logits])
    with pytest.raises(CannotScoreError, match="needs 3 candidates or more; found 2"):
        peer_agreement(GOOD.target_logits, [WORSE.target_logits])
    for ask in (ensemble_agreement, peer_agreement):
        with pytest.raises(InputError, match="answer the same rows"):
            ask(GOOD.target_logits, [WORSE.target_logits, BAD.target_logits[:3]])
    reasons = {name: score.reason for name, score in validate(GOOD, ("ensemble", "agreement")).items()}
    assert reasons == {
        "ensemble": "an ensemble needs 3 candidates or more; found 1",
        "agreement": "agreement needs 3 candidates or more; found 1",
    }


def test_reverse_validation_is_fooled_where_the_error_can_be_undone() -> None:
    """Every target class lies on another class's place in the source, and the model believes the place."""
    wrong = Y[np.arange(150)]
    assert reverse_accuracy(X, Y, Z, wrong, _fit) > 0.95
    turned = (wrong + 1) % 3  # the truth of a target whose classes moved round by one
    assert reverse_accuracy(X, Y, Z, turned, _fit) < 0.05


def _fit(x: np.ndarray, y: np.ndarray, weight: np.ndarray | None):
    from transferium.functional.linear_classifier import fit_linear

    return fit_linear(x, y, weight)


def test_reverse_validation_counts_a_class_that_is_never_predicted_as_lost() -> None:
    two = np.where(TRUTH == 2, 0, TRUTH)
    assert 0.4 < reverse_accuracy(X, Y, Z, two, _fit) < 0.7
    assert reverse_accuracy(X, Y, Z, np.full(150, 2), _fit) == pytest.approx(1 / 3)


def slow_entropy(p: np.ndarray) -> float:
    return -sum(float(v) * math.log(v) for v in p if v > 0)


def test_confidence_scores_equal_their_sums() -> None:
    p = softmax(WORSE.target_logits)
    mean = [slow_entropy(row) for row in p]
    whole = slow_entropy(sum(p) / 150)
    assert certainty(WORSE.target_logits) == pytest.approx(-sum(mean) / 150)
    assert diversity(WORSE.target_logits) == pytest.approx(whole)
    assert information(WORSE.target_logits) == pytest.approx(whole - sum(mean) / 150)
    root = np.sqrt(np.maximum(np.linalg.eigvalsh(p.T @ p), 0)).sum()
    assert nuclear_norm(WORSE.target_logits) == pytest.approx(root / math.sqrt(150 * 3))


def test_neighbourhood_density_equals_the_slow_sum() -> None:
    logits = RNG.normal(size=(12, 3))
    p = [row / math.sqrt(sum(row**2)) for row in softmax(logits)]
    total = 0.0
    for i in range(12):
        raw = [math.exp(float(p[i] @ p[j]) / 0.05) for j in range(12) if j != i]
        total += slow_entropy(np.array(raw) / sum(raw))
    assert neighbourhood_density(logits) == pytest.approx(total / 12, rel=1e-9)
    with pytest.raises(CannotScoreError, match="three or more target rows; found 2"):
        neighbourhood_density(logits[:2])


def test_dev_and_weighted_loss_equal_their_formulas() -> None:
    labels, logits, w = RNG.integers(0, 3, 40), RNG.normal(size=(40, 3)), RNG.random(40) * 2
    loss = np.array([-log_softmax(logits[i])[labels[i]] for i in range(40)])
    assert importance_weighted(labels, logits, w) == pytest.approx(-sum(w * loss) / sum(w))
    mean_l, mean_w = sum(w * loss) / 40, sum(w) / 40
    eta = -sum((w * loss - mean_l) * (w - mean_w)) / sum((w - mean_w) ** 2)
    assert dev(labels, logits, w) == pytest.approx(-(mean_l + eta * mean_w - eta))
    assert dev(labels, logits, np.ones(40)) == pytest.approx(-loss.mean())
    with pytest.raises(CannotScoreError, match="DEV needs two or more held-out source rows; found 1"):
        dev(labels[:1], logits[:1], w[:1])


def test_weights_find_the_model_that_is_right_where_the_target_is() -> None:
    """Two models of equal source accuracy: one errs left, one errs right; the target lies on the right."""
    rng = np.random.default_rng(3)
    x, z = rng.normal(size=(800, 1)), rng.normal(size=(400, 1)) * 0.6 + 1.0
    y = np.zeros(800, dtype=int)
    errs_left, errs_right = (np.where(mask, -1.5, 1.5) for mask in (x[:, 0] < -0.3, x[:, 0] > 0.3))
    models = [np.column_stack([m, -m]) for m in (errs_left, errs_right)]
    weights = importance_weights(x, x, z)
    assert abs(source_accuracy(y, models[0]) - source_accuracy(y, models[1])) < 0.05
    for validator in (importance_weighted, dev):
        assert validator(y, models[0], weights) > validator(y, models[1], weights) + 0.5


def test_dev_varies_less_than_the_weighted_mean_it_corrects() -> None:
    plain, corrected = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(200, 1))
        w = np.exp(x[:, 0] - 0.5)  # the exact ratio for a target one unit to the right
        logits = np.column_stack([0.3 * x[:, 0], np.zeros(200)])
        labels = np.zeros(200, dtype=int)
        plain.append(float((w * log_softmax(logits)[:, 0]).mean()))
        corrected.append(dev(labels, logits, w))
    assert np.std(corrected) < 0.6 * np.std(plain)
    assert np.mean(corrected) == pytest.approx(np.mean(plain), abs=0.03)


def test_domains_that_hardly_overlap_give_no_weights() -> None:
    far = replace(GOOD, target_features=Z + 60.0)
    verdict = validate(far)
    for name in ("dev", "importance-weighted"):
        assert verdict[name].value is None
        assert "the domains hardly overlap: importance weights should average 1" in verdict[name].reason
    assert verdict["entropy"].value is not None


def test_one_row_that_outweighs_all_others_gives_no_weights() -> None:
    source = np.concatenate([RNG.normal(size=(300, 1)) * 0.1, [[8.0]]])
    with pytest.raises(CannotScoreError, match=r"301 held-out source rows weigh as much as 1\.\d"):
        importance_weights(source, source, RNG.normal(size=(100, 1)) * 0.1 + 8.0, penalty=1e-3)


def test_silhouette_and_ami_equal_scikit_learns() -> None:
    x, y = RNG.normal(size=(60, 3)), RNG.integers(0, 4, 60)
    y[0] = 4  # a class of one row
    assert silhouette(x, y) == pytest.approx(silhouette_score(x, y), rel=1e-9)
    for _ in range(5):
        a, b = RNG.integers(0, 4, 60), RNG.integers(0, 3, 60)
        assert adjusted_mutual_information(a, b) == pytest.approx(adjusted_mutual_info_score(a, b), abs=1e-9)
    assert adjusted_mutual_information(a, (a + 1) % 4) == pytest.approx(1.0)


def test_cluster_agreement_comes_from_its_seed_and_needs_rows() -> None:
    assert cluster_agreement(Z, TRUTH, classes=3) > 0.85
    assert cluster_agreement(Z, TRUTH, classes=3, seed=5) == cluster_agreement(Z, TRUTH, classes=3, seed=5)
    with pytest.raises(CannotScoreError, match="3 clusters need more than 3 target rows; found 3"):
        cluster_agreement(Z[:3], TRUTH[:3], classes=3)
    with pytest.raises(CannotScoreError, match="a silhouette needs three or more"):
        silhouette(Z[:2], TRUTH[:2])
    assert np.isfinite(cluster_agreement(np.ones((9, 2)), np.arange(9) % 3, classes=3))
    assert cluster_agreement(np.ones((9, 2)), np.zeros(9, int), classes=3) == 0.0, "one class is no grouping"


def test_one_target_row_leaves_only_what_can_be_said() -> None:
    verdict = validate(replace(GOOD, target_features=Z[:1], target_logits=GOOD.target_logits[:1]))
    missing = {name for name, s in verdict.items() if s.value is None}
    assert {"snd", "silhouette", "ami"} <= missing
    assert all(verdict[name].reason for name in missing)
    assert verdict["source-accuracy"].value is not None


def test_evidence_checks_its_shapes_and_names() -> None:
    with pytest.raises(DataError, match="target has 150 rows of features but 149 rows of logits"):
        replace(GOOD, target_logits=GOOD.target_logits[:149])
    with pytest.raises(InputError, match="one width; found 3 and 2"):
        replace(GOOD, target_logits=GOOD.target_logits[:, :2])
    with pytest.raises(InputError, match=r"there is no validator 'entrop'. Did you mean 'entropy'\?"):
        validate(GOOD, ("entrop",))


@pytest.mark.parametrize("name", BLIND)
def test_what_reads_held_out_source_rows_says_so_where_there_are_none(name: str) -> None:
    told = validate(replace(GOOD, source_logits=None), (name, "information"))
    assert told[name].value is None and "held-out source rows is not known" in told[name].reason
    assert told["information"].value is not None


def test_cross_validation_is_the_kappa_of_what_one_half_teaches_of_the_other() -> None:
    def asked(x: np.ndarray, *answers: np.ndarray, limit: int = 1000) -> list[float]:
        return cross_validated(x, answers, classes=3, limit=limit)

    shuffled, flipped = (
        np.random.default_rng(3).permutation(TRUTH),
        np.where(np.arange(150) % 5 == 0, (TRUTH + 1) % 3, TRUTH),
    )
    right, chance, some = asked(Z, TRUTH, shuffled, flipped)
    assert right > 0.85 and abs(chance) < 0.2 and some == pytest.approx(1 - 1.5 * 0.2, abs=0.12)
    wide = np.hstack([Z, np.zeros((150, 400))])
    assert asked(wide, TRUTH, flipped) == pytest.approx([right, some], abs=0.02), (
        "more columns than rows change nothing"
    )
    assert asked(Z, TRUTH, limit=20)[0] > 0.7
    with pytest.raises(CannotScoreError, match="two halves need four target rows or more; found 3"):
        asked(Z[:3], TRUTH[:3])


def test_consensus_ranks_as_scipy_does() -> None:
    scores = {k: RNG.integers(0, 4, 6).astype(float).tolist() for k in "abcd"}
    expected = np.mean([rankdata([-v for v in row]) for row in scores.values()], axis=0)
    assert consensus(scores).mean_rank == pytest.approx(expected)


def test_the_consensus_finds_the_best_candidate_and_sees_through_collapse() -> None:
    candidates = [WORSE, GOOD, BAD, COLLAPSED]
    table = [validate(replace(e, others=OTHERS)) for e in candidates]
    vote = consensus({name: [row[name].value for row in table] for name in VALIDATORS})
    assert vote.choice() == 1
    assert vote.mean_rank.argmin() == 1
    assert vote.support[1] > 0.66


def test_no_clear_vote_stays_with_the_reference() -> None:
    split = consensus({"a": [0, 1, 0], "b": [0, 1, 0], "c": [1, 0, 0], "d": [1, 0, 0]})
    assert split.choice() == 0
    assert split.support.tolist() == [0, 0.5, 0]
    assert consensus({"a": [0, 1], "b": [0, 1]}).choice() == 1, "the voters were named: any number of them decides"
    assert consensus({"a": [0, 1], "b": [1, 0]}).choice() == 0
    assert consensus({"a": [1, 1], "b": [2, 2], "c": [0, 0]}).choice() == 0


def test_a_validator_that_lacks_a_score_is_left_out() -> None:
    vote = consensus({"a": [0, 1], "b": [1, None], "c": [0, 1], "d": [float("nan"), 1], "e": [0, 1]})
    assert vote.left_out == ("b", "d")
    assert vote.voters == ("a", "c", "e")
    assert vote.choice() == 1
    assert consensus({"a": [None, 1]}).choice() == 0
    with pytest.raises(InputError, match=r"found \[1, 2\] scores"):
        consensus({"a": [1], "b": [1, 2]})
    with pytest.raises(InputError, match=r"the reference \(2\) among them"):
        consensus({"a": [1, 2]}, reference=2)
