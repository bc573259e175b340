"""From measured shifts to the kinds of shift by name, and to the family of methods that fits."""

from __future__ import annotations

from typing import Any

from transferium.methods.guards import EXPLAINED, Outlook

SURE = 0.05
LOST = 0.1
"""Accuracy that must surely be lost on labelled target examples before it is called a conditional shift."""
FAR = 0.2
"""A-distance from which the domains are called apart where the permutation test finds a difference."""


def advise(told: dict[str, Any], outlook: Outlook) -> dict[str, Any]:
    """``{"kinds": [...], "advice": [...]}``: sentences, each with the figure it rests on."""
    kinds = [*_covariate(told["covariate"]), *_label(told["label"], outlook), *_conditional(told["conditional"])]
    kinds += [f"class sets: {message}" for message in told["classes"]]
    if named := told["surface"].get("notable"):
        what = {"image": "pictures", "features": "columns"}.get(told["kind"], "inputs")
        kinds.append(f"{what} differ in {', '.join(named[:5])}")
    if (unseen := told["surface"].get("unseen_words")) is not None:
        kinds.append(f"vocabulary: {100 * unseen:.1f} % of the target's running words never occur in the source")
    return {"kinds": kinds, "advice": _families(told, outlook)}


def _covariate(found: dict[str, Any]) -> list[str]:
    if "reason" in found:
        return [f"covariate shift could not be measured: {found['reason']}"]
    p, apart = found["mmd"]["p_value"], found["a_distance"]
    if p > SURE and apart < FAR:
        return [f"no covariate shift to be seen: MMD p = {p:.3g}, A-distance {apart:.2f}"]
    size = "strong" if apart > 1.5 else "moderate" if apart > 0.5 else "slight"
    return [f"{size} covariate shift: A-distance {apart:.2f} of 2, MMD p = {p:.3g}"]


def _label(found: dict[str, Any], outlook: Outlook) -> list[str]:
    if "reason" in found:
        return [f"label shift could not be estimated: {found['reason']}"]
    if not found["moved"]:
        return ["no label shift to be seen: every class share of the source lies in its interval for the target"]
    named = f"{len(found['moved'])} of {len(found['shares'])} class shares ({', '.join(found['moved'][:5])})"
    if outlook.explained > EXPLAINED:
        return [f"label shift: {named} differ, which explains {100 * outlook.explained:.0f} % of the shift in means"]
    return [
        f"perhaps label shift: {named} are estimated to differ, but other shares explain only "
        f"{100 * outlook.explained:.0f} % of the shift in means, so the estimate may be the covariate shift's doing"
    ]


def _conditional(found: dict[str, Any]) -> list[str]:
    if "reason" in found:
        return [f"conditional shift was not measured: {found['reason']}"]
    loss = found["loss"]
    ends = f"({100 * loss['low']:.1f} to {100 * loss['high']:.1f})"
    points = f"{100 * loss['value']:.1f} points" if loss["value"] > 0 else "nothing"
    said = f"the source's model loses {points} on the target's labelled examples {ends} [measured with target labels]"
    if loss["low"] <= LOST:
        return [f"no conditional shift to be sure of: {said}"]
    worst = sorted(found["classes"], key=lambda row: -row["loss"]["low"])[:3]
    lost = [row for row in worst if row["loss"]["low"] > LOST]
    named = ", ".join(f"{r['class']} ({100 * r['source']:.0f} % to {100 * r['target']:.0f} %)" for r in lost)
    return [f"conditional shift: {said}" + (f", most of all in {named}" if lost else "")]


def _families(told: dict[str, Any], outlook: Outlook) -> list[str]:
    covariate, label = told["covariate"], told["label"]
    advice = []
    if any("partial" in m or "open" in m for m in told["classes"]):
        advice.append(
            "class sets differ: methods that match whole distributions (dan, dann, coral, ot) assume they do not"
        )
    still = "reason" not in covariate and covariate["mmd"]["p_value"] > SURE and covariate["a_distance"] < FAR
    if still:
        return [*advice, "source-only: there is nothing to adapt to"]
    if outlook.explained > EXPLAINED and label.get("moved"):
        return [*advice, "label-shift: correct the class shares, and do not make the domains alike"]
    if outlook.has_clusters:
        why = f"the source's classes are clusters (agreement {outlook.clustered:.2f})"
        advice.append(f"self-labelling (prototypes, shot, mcc): {why}")
    advice.append("matching of statistics (standardise, coral), then of distributions (dan, dann, cdan)")
    return [*advice, "let --method auto decide: it falls back to source-only when the validators do not agree"]
