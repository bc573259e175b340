"""The tables and lines that are printed at the end of an adaptation."""

from __future__ import annotations

from typing import Any

from transferium.cli.tables import doctors, figures, interval, table
from transferium.data.doctor.findings import count

SIDES = ("source: ", "target: ", "labelled target: ")
"""What messages about one side begin with."""


def summary(run: dict[str, Any]) -> str:
    """The short tables at the end of ``fit --source``."""
    told, test = run["adaptation"], run["test"]
    lines = [f"{run['name']}: {run['division']['rule']}.", ""]
    if told["labels_stripped"]:
        lines += [
            "The target's labels were stripped before anything was learned; they serve the figures below alone.",
            "",
        ]
    if few := told.get("few"):
        lines += [_few(few), ""]
    lines += [_chosen(run["selection"], run["method"]), "", _shares(told["shares"])]
    if thought := told.get("opinions"):
        lines[-1:-1] = [_opinions(thought), ""]
    if told["collapsed"]:
        lines.append(f"Class collapse: {', '.join(told['collapsed'])} all but stopped being predicted.")
    if collapse := told["source_only_collapse"]:
        lines.append(f"Mind: {collapse}.")
    lines += _distances(told["distance"])
    if "model" in told["source"]:
        lines.append("The source's examples were not there: how far apart the domains are cannot be said.")
    if test:
        rows = figures(test, "classes")
        ours = [[f"{run['method']} on {run['backbone']}", interval(test["accuracy"], percent=True)]]
        beside = [[n.replace("_", " "), interval(r["accuracy"], percent=True)] for n, r in run["references"].items()]
        lines += ["", table(rows, ["on the target", "value (95 % interval)"])]
        lines += ["", table(ours + beside, ["beside", "accuracy (95 % interval)"])]
    lines += ["", said(run)]
    if oracle := told.get("oracle"):
        best = f"{oracle['best']}, {100 * oracle['accuracy'][oracle['best']]:.1f} %"
        gap = f"gap of the honest choice {100 * oracle['gap']:.1f} points"
        barred = _barred(oracle["barred"], "was trained for it", "were trained for it")
        lines.append(f"Oracle (target labels were looked at): best {best}; {gap}{barred}.")
    each = [f for f in run["doctor"]["findings"] if f["message"].startswith(SIDES)]
    lines += between(run["doctor"]) + doctors(each, run["doctor"])
    return "\n".join([*lines, f"{run['seconds']['total']:.1f} s in all."])


def between(doctor: dict[str, Any]) -> list[str]:
    """The doctor's warnings on the two domains together: the same examples, other classes."""
    grave = (f["message"] for f in doctor["findings"] if f["severity"] != "note")
    return [f"Mind: {message}." for message in grave if not message.startswith(SIDES)]


def _distances(found: dict[str, Any]) -> list[str]:
    """How well a classifier tells the domains apart, before and after; that nothing moved, where nothing did."""
    told = [
        f"{when} {d['value']:.2f} (a domain classifier is right {interval(d['accuracy'], percent=True)})"
        for when, d in found.items()
        if d["value"] is not None
    ]
    still = "" if "after" in found else "; the head alone moved, the features are what they were"
    notes = [f"{when.capitalize()}: {d['note']}." for when, d in found.items() if d.get("note")]
    return [f"A-distance between the domains (0 to 2): {', '.join(told)}{still}.", *notes] if told else []


def said(run: dict[str, Any]) -> str:
    """The verdict overall, whether the source does harm, and the classes that adapting helped or hurt."""
    changed = [f"{row['word']} {row['class']}" for row in run.get("by_class", []) if row["word"] in ("helped", "hurt")]
    classes = f"Class by class: {', '.join(changed)}." if changed else ""
    if run.get("by_class") and not changed and run["verdict"] != "not asked":
        classes = "Class by class: no evidence of a change in any."
    return "\n".join(filter(None, [run["verdict_sentence"], run.get("source_harm"), classes]))


def beside_source_only(metrics: dict[str, Any]) -> str:
    """The lines that ``evaluate`` adds for an adapted model."""
    each = {name: interval(found["accuracy"], percent=True) for name, found in metrics["references"].items()}
    beside = "; ".join([each.pop("source_only"), *(f"{name.replace('_', ' ')} {a}" for name, a in each.items())])
    found = [said(metrics), *([_oracle(metrics["oracle"])] if metrics["learned_from"] < metrics["given"] else [])]
    return "\n".join([f"Source only: accuracy {beside}.", "", _by_class(metrics["by_class"]), "", *found])


def _by_class(rows: list[dict[str, Any]], most: int = 12) -> str:
    """Recall of each class before and after with the interval of its change, those that changed most first."""
    known = sorted(rows, key=lambda row: -abs(row.get("after", 0.0) - row.get("before", 0.0)))
    cells = []
    for row in known[:most]:
        change, figures = row.get("change"), ["–"] * 3
        if change:
            value, low, high = (f"{100 * change[k]:+.1f}" for k in ("value", "low", "high"))
            figures = [f"{100 * row['before']:.1f} %", f"{100 * row['after']:.1f} %", f"{value} ({low} to {high})"]
        cells.append([row["class"], *figures, row["word"], str(row["support"])])
    more = f"\n… and {len(rows) - most} classes more" if len(rows) > most else ""
    return table(cells, ["class", "source only", "adapted", "change (95 % interval)", "verdict", "examples"]) + more


def _oracle(found: dict[str, Any]) -> str:
    """The candidate that these labels would have chosen among all that were kept, and its gain."""
    best, n = found["best"], len(found["accuracy"])
    more = "not among these, and may be better still: fit --oracle trains"
    gone, barred = "", _barred(found["barred"], f"is {more} it", f"are {more} them")
    if left := found.get("left_out"):
        gone = f" (of {', '.join(left)}, which moved a backbone, only answers for the run's target are kept)"
    return (
        f"Oracle: of {n} models{gone} these labels would choose {best}, {100 * found['accuracy'][best]:.1f} %; "
        f"the gap of {found['chosen']} is {100 * found['gap']:.1f} points{barred}."
    )


def _barred(names: list[str], one: str, many: str) -> str:
    """The candidates that the election did not train, and what is to be said of them; empty where there are none."""
    if not names:
        return ""
    listed = f"{count(len(names), 'candidate')} that did not stand ({', '.join(names)})"
    return f"; {listed} {one if len(names) == 1 else many}"


def _few(few: dict[str, Any]) -> str:
    counts = ", ".join(f"{name} {n}" for name, n in few["by_class"].items())
    return f"{few['examples']} labelled target examples were learned from too ({counts}); no copy of them is below."


def _chosen(selection: dict[str, Any], method: str) -> str:
    """How the method was chosen, and every candidate's scores where there was a vote."""
    notes = selection["notes"]
    rows = [row for row in selection["candidates"] if "method" in row]
    if not rows:
        return "\n".join([f"Method: {method}.", *notes])
    keys = list(rows[0])[1:]
    cells = [[row["method"], *("–" if row.get(k) is None else f"{row[k]:.3g}" for k in keys)] for row in rows]
    return "\n".join([table(cells, ["candidate", *(k.replace("_", " ") for k in keys)]), "", *notes])


def _opinions(found: dict[str, Any]) -> str:
    """The validators' scores of a method that was named by the user."""
    keys = list(found["rows"][0])[1:]
    cells = [[row["method"], *("–" if row.get(k) is None else f"{row[k]:.3g}" for k in keys)] for row in found["rows"]]
    return "\n".join([table(cells, ["validators", *(k.replace("_", " ") for k in keys)]), *found["notes"][:1]])


def _shares(shares: list[dict[str, Any]], most: int = 12) -> str:
    """Predicted shares before and after, those that moved most first."""
    moved = sorted(shares, key=lambda row: -abs(row["after"] - row["before"]))[:most]
    words = {"source": "in the source", "before": "source only predicts", "after": "adapted predicts"}
    known = [when for when in words if shares[0][when] is not None]
    cells = [[r["class"], *(f"{100 * r[when]:.1f} %" for when in known)] for r in moved]
    more = f"\n… and {len(shares) - most} classes more" if len(shares) > most else ""
    return table(cells, ["class", *(words[when] for when in known)]) + more
