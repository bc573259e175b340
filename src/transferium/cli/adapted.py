"""What a person reads at the end of an adaptation."""

from __future__ import annotations

from typing import Any

from transferium.cli.tables import SHOWN, interval, severities, table


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
    if told["collapsed"]:
        lines.append(f"Class collapse: {', '.join(told['collapsed'])} all but stopped being predicted.")
    apart = [f"{when} {d['value']:.2f}" for when, d in told["distance"].items() if d["value"] is not None]
    if apart:
        lines.append(f"A-distance between the domains (0 to 2): {', '.join(apart)}.")
    if test:
        rows = [[label, interval(test.get(key), percent=key.endswith("accuracy"))] for key, label in SHOWN]
        ours = [[f"{run['method']} on {run['backbone']}", interval(test["accuracy"], percent=True)]]
        beside = [[n.replace("_", " "), interval(r["accuracy"], percent=True)] for n, r in run["references"].items()]
        lines += ["", table(rows, ["on the target", "value (95 % interval)"])]
        lines += ["", table(ours + beside, ["beside", "accuracy (95 % interval)"])]
    lines += ["", said(run)]
    if oracle := told.get("oracle"):
        best = f"{oracle['best']}, {100 * oracle['accuracy'][oracle['best']]:.1f} %"
        gap = f"gap of the honest choice {100 * oracle['gap']:.1f} points"
        lines.append(f"Oracle (target labels were looked at): best {best}; {gap}.")
    lines += between(run["doctor"])
    if counts := severities(run["doctor"]):
        lines.append(f"The doctor found {counts}: see report.html or doctor.json.")
    return "\n".join([*lines, f"{run['seconds']['total']:.1f} s in all."])


def between(doctor: dict[str, Any]) -> list[str]:
    """What the doctor warns of between the two domains: the same examples, other classes."""
    sides = ("source: ", "target: ")
    grave = (f["message"] for f in doctor["findings"] if f["severity"] != "note")
    return [f"Mind: {message}." for message in grave if not message.startswith(sides)]


def said(run: dict[str, Any]) -> str:
    """The verdict overall, and the classes that adapting helped or hurt."""
    changed = [f"{row['word']} {row['class']}" for row in run.get("by_class", []) if row["word"] in ("helped", "hurt")]
    classes = f"Class by class: {', '.join(changed)}." if changed else ""
    if run.get("by_class") and not changed:
        classes = "Class by class: no evidence of a change in any."
    return "\n".join(filter(None, [run["verdict_sentence"], classes]))


def beside_source_only(metrics: dict[str, Any]) -> str:
    """What ``evaluate`` adds for an adapted model."""
    beside = interval(metrics["references"]["source_only"]["accuracy"], percent=True)
    gone = metrics.get("learned_from", 0)
    left = f"{gone} of the examples given were learned from, and are not evaluated on.\n" if gone else ""
    return f"{left}Source only: accuracy {beside}.\n{said(metrics)}"


def _few(few: dict[str, Any]) -> str:
    counts = ", ".join(f"{name} {n}" for name, n in few["by_class"].items())
    return f"{few['examples']} labelled target examples were learned from too ({counts}); no copy of them is below."


def _chosen(selection: dict[str, Any], method: str) -> str:
    """How the method was chosen, and every candidate's scores where there was a vote."""
    notes = selection["notes"]
    rows = [row for row in selection["candidates"] if "mean_rank" in row]
    if not rows:
        return "\n".join([f"Method: {method}.", *notes])
    keys = list(rows[0])[1:]
    cells = [[row["method"], *("–" if row.get(k) is None else f"{row[k]:.3g}" for k in keys)] for row in rows]
    return "\n".join([table(cells, ["candidate", *(k.replace("_", " ") for k in keys)]), "", *notes])


def _shares(shares: list[dict[str, Any]], most: int = 12) -> str:
    """Predicted shares before and after, those that moved most first."""
    moved = sorted(shares, key=lambda row: -abs(row["after"] - row["before"]))[:most]
    cells = [[r["class"], *(f"{100 * r[k]:.1f} %" for k in ("source", "before", "after"))] for r in moved]
    more = f"\n… and {len(shares) - most} classes more" if len(shares) > most else ""
    return table(cells, ["class", "in the source", "source only predicts", "adapted predicts"]) + more
