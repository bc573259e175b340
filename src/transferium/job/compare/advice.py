"""The kinds of shift by name, from the measured shifts, and advice on the methods that fit."""

from __future__ import annotations

from typing import Any

from transferium.data.doctor.findings import count
from transferium.job.compare.family import likely_family
from transferium.job.compare.surface import SURFACES
from transferium.methods.model_selection.guards import EXPLAINED, FEWEST, TYPED, WITHOUT_LABELS, Preconditions

SURE = 0.05
LOST = 0.1
"""The accuracy loss on labelled target examples above which its lower limit means a conditional shift."""
APART = 1.9
"""A-distance from which the inputs have nothing in common: 97.5 % of them are told apart."""
FAR = 0.2
"""A-distance from which the domains are called apart where the permutation test finds a difference."""

FEW = (
    "label some target examples and give them by --few (--method pooled, tradaboost): they alone can show that the "
    "same inputs carry other labels"
)

GAVE_UP = "label some target examples and give them by --few: the source's model has given up classes there"


def advise(told: dict[str, Any], preconditions: Preconditions) -> dict[str, Any]:
    """``{"kinds": [...], "family": "...", "advice": [...]}``: sentences, each with the figure it rests on.

    ``family`` names the methods that are likely to win (``FAMILIES``); empty where no model could be trained.
    """
    far = apart(told["covariate"])
    kinds = [*_covariate(told["covariate"]), *_label(told["label"], preconditions)]
    kinds += _conditional(told["conditional"], far)
    kinds += [told["collapse"]] if told["collapse"] else []
    kinds += [f"class sets: {message}" for message in told["classes"]]
    if named := told["surface"].get("notable"):
        kinds.append(f"{SURFACES[told['kind']][1]} differ in {', '.join(named[:5])}")
    if modes := told["surface"].get("modes"):
        kinds.append(modes)
    if (unseen := told["surface"].get("unseen_words")) is not None:
        kinds.append(f"vocabulary: {100 * unseen:.1f} % of the target's running words never occur in the source")
    family, why = "", ""
    if told["signs"]:
        shares = _shares_explain(preconditions) and bool(told["label"].get("moved"))
        family, why = likely_family(told["signs"], other_shares=shares)
        if told["kind"] in TYPED and family != "class shares":
            family, why = "none", WITHOUT_LABELS
    if _no_adaptation(told, preconditions):
        family = "none"
    return {"kinds": kinds, "family": family, "advice": _families(told, preconditions, family, why)}


def apart(covariate: dict[str, Any]) -> str:
    """The end of a sentence where the inputs have nothing in common: then other shifts cannot be told from this one."""
    distance = covariate.get("a_distance", 0.0)
    return f"the inputs have nothing in common (A-distance {distance:.2f} of 2)" if distance >= APART else ""


def _covariate(found: dict[str, Any]) -> list[str]:
    if "reason" in found:
        return [f"covariate shift could not be measured: {found['reason']}"]
    p, apart = found["mmd"]["p_value"], found["a_distance"]
    if p > SURE and apart < FAR:
        return [f"no covariate shift to be seen: MMD p = {p:.3g}, A-distance {apart:.2f}"]
    size = "strong" if apart > 1.5 else "moderate" if apart > 0.5 else "slight"
    return [f"{size} covariate shift: A-distance {apart:.2f} of 2, MMD p = {p:.3g}"]


def _label(found: dict[str, Any], preconditions: Preconditions) -> list[str]:
    if "reason" in found:
        return [f"label shift could not be estimated: {found['reason']}"]
    if "labels" in found:
        return [_counted(found, preconditions)]
    if why := found.get("unfounded"):
        return [f"label shift cannot be estimated without labels: {why}"]
    return [_estimated(found, preconditions)]


def _estimated(found: dict[str, Any], preconditions: Preconditions) -> str:
    """The sentence on class shares that are estimated without target labels."""
    if not found["moved"]:
        return "no label shift to be seen: every class share of the source lies in its interval for the target"
    named = _named(found["moved"], found)
    explained = f"{100 * preconditions.explained:.0f} % of the shift in means"
    if not preconditions.shifted:
        return f"perhaps label shift: {named} are estimated to differ, but the means of the inputs do not"
    if _shares_explain(preconditions):
        return f"label shift: {named} differ, which explains {explained}"
    return (
        f"perhaps label shift: {named} are estimated to differ, but other shares explain only {explained}, so the "
        "estimate may be the covariate shift's doing"
    )


def _shares_explain(preconditions: Preconditions) -> bool:
    """Whether the means differ, and other class shares alone explain most of how."""
    return preconditions.shifted and preconditions.explained > EXPLAINED


def _counted(found: dict[str, Any], preconditions: Preconditions) -> str:
    """The sentence on class shares by the target's own labels, whatever would be estimated without them."""
    told = "[counted from target labels]"
    if found["moved"]:
        explains = ""
        if _shares_explain(preconditions):
            explains = f", and other shares explain {100 * preconditions.explained:.0f} % of the shift in means"
        return f"label shift: {_named(found['moved'], found)} differ {told}{explains}"
    said = f"no label shift to be sure of: no class share among {found['labels']} target labels surely differs {told}"
    if found["estimated"]:
        said += f"; without labels {_named(found['estimated'], found)} would be estimated to differ"
    return said


def _named(moved: list[str], found: dict[str, Any]) -> str:
    return f"{len(moved)} of {len(found['shares'])} class shares ({', '.join(moved[:5])})"


def _conditional(found: dict[str, Any], far: str) -> list[str]:
    if "reason" in found:
        return [f"conditional shift was not measured: {found['reason']}"]
    loss = found["loss"]
    ends = f"({100 * loss['low']:.1f} to {100 * loss['high']:.1f})"
    points = f"{100 * loss['value']:.1f} points" if loss["value"] > 0 else "nothing"
    said = f"the source's model loses {points} on the target's labelled examples {ends} [measured with target labels]"
    if not _is_lost(found):
        return [f"no conditional shift to be sure of: {said}"]
    worst = sorted(found["classes"], key=lambda row: -row["loss"]["low"])[:3]
    lost = [row for row in worst if row["loss"]["low"] > LOST]
    named = ", ".join(f"{r['class']} ({100 * r['source']:.0f} % to {100 * r['target']:.0f} %)" for r in lost)
    worst_of = f", most of all in {named}" if lost else ""
    if far:
        return [f"no conditional shift can be told from the covariate shift where {far}; {said}{worst_of}"]
    return [f"conditional shift: {said}{worst_of}"]


def _families(told: dict[str, Any], preconditions: Preconditions, family: str, why: str) -> list[str]:
    """The methods that fit, the most certain first; none that contradicts another sentence here.

    ``family`` is the likely one, and ``why``.
    """
    if untrainable := told.get("untrainable"):
        return [f"no method: {untrainable}"]
    lost = _is_lost(told["conditional"])
    few = [FEW] if lost else []
    if idle := _no_adaptation(told, preconditions):
        return few or [idle]
    if family == "class shares":
        return [*few, why]
    if any(message.startswith(("partial: ", "open: ")) for message in told["classes"]):
        return [*few, *_of_other_classes(why if family == "clusters" else "", lost)]
    few = few or ([GAVE_UP] if told["collapse"] else [])
    if why == WITHOUT_LABELS:
        return [*few, why]
    return [*few, why, "let --method auto decide: it falls back to source-only when the validators do not agree"]


def _no_adaptation(told: dict[str, Any], preconditions: Preconditions) -> str:
    """The reason why adapting to target inputs alone cannot help; empty where it may."""
    if told.get("identical"):
        return "nothing: source and target are the same examples, so there is nothing to compare or to adapt to"
    covariate = told["covariate"]
    if "reason" not in covariate and covariate["mmd"]["p_value"] > SURE and covariate["a_distance"] < FAR:
        return "source-only: there is nothing to adapt to"
    if preconditions.size < FEWEST:
        seen = count(preconditions.size, "target example")
        return f"source-only until there are more: on {seen} (fewer than {FEWEST}) no validator can be trusted"
    return ""


def _of_other_classes(labelling: str, lost: bool) -> list[str]:
    """Where the class sets differ: what does not need both domains to have the same classes."""
    unfit = "methods that make whole distributions alike (standardise, coral, ot, dan, dann, cdan) do not fit"
    advice = [f"class sets differ: {unfit}, for they assume the same classes on both sides"]
    if labelling:
        return [*advice, labelling, "let --method auto decide among these: --set adaptations=prototypes,shot,mcc"]
    return advice if lost else [*advice, "source-only, or label some target examples and give them by --few"]


def _is_lost(found: dict[str, Any]) -> bool:
    """Whether the source's model surely loses more on labelled target examples than chance and class shares do."""
    return "reason" not in found and found["loss"]["low"] > LOST
