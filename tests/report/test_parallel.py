"""Parallel coordinates of a search."""

import re
from xml.etree import ElementTree

from transferium.report.parallel import parallel

TRIALS = [
    {"trial": 0, "state": "complete", "lr": 1e-4, "optimiser": "sgd", "log_loss": 0.9, "accuracy": 0.5},
    {"trial": 1, "state": "complete", "lr": 1e-2, "optimiser": "adamw", "log_loss": 0.3, "accuracy": 0.8},
    {"trial": 2, "state": "pruned", "lr": 1e-3, "optimiser": "<b>", "log_loss": 0.6, "accuracy": 0.7},
]


def points(svg: str) -> dict[str, list[tuple[float, float]]]:
    found = re.findall(r'points="([^"]+)"><title>(trial \d)', svg)
    return {name: [tuple(map(float, p.split(","))) for p in text.split()] for text, name in found}


def test_every_trial_is_a_line_over_every_setting_and_the_score():
    svg = parallel(TRIALS, {"trial": 1})
    ElementTree.fromstring(svg)
    lines = points(svg)
    assert lines.keys() == {"trial 0", "trial 1", "trial 2"}
    assert all(len(line) == 3 for line in lines.values())
    assert svg.count('class="trial chosen"') == 1 and "<b>" not in svg


def test_the_best_score_stands_at_the_top_and_wide_ranges_are_logarithmic():
    lines = points(parallel(TRIALS, {"trial": 1}))
    scores = {name: line[2][1] for name, line in lines.items()}
    assert scores["trial 1"] < scores["trial 2"] < scores["trial 0"]
    rates = {name: line[0][1] for name, line in lines.items()}
    assert abs(rates["trial 2"] - (rates["trial 0"] + rates["trial 1"]) / 2) < 0.2


def test_what_is_no_search_is_not_drawn():
    assert parallel([{"C": 1.0, "log_loss": 0.4}, {"C": 10.0, "log_loss": 0.3}], {"C": 10.0}) == ""
    assert parallel(TRIALS[:1], {}) == ""
