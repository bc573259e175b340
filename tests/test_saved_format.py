"""The schema of ``model.json`` in the documentation is that of saved models."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import transferium as tm
from transferium.artifact import FORMAT
from transferium.models.heads.saved import FORMATS

HERE = Path(__file__).resolve().parent
EARLIER = sorted((HERE / "fixtures" / "version_0_1").glob("*/model.json"))
TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "boolean": bool,
    "null": type(None),
}
TYPES["number"] = (int, float)
KNOWN = {"$schema", "title", "type", "required", "properties", "additionalProperties", "items", "enum", "pattern"}
KNOWN |= {"minimum", "maximum", "exclusiveMinimum"}


def schema() -> dict[str, Any]:
    """The schema as it is documented."""
    text = (HERE.parent / "docs" / "format.md").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(re.findall(r"```json\n(.*?)```", text, re.S)[0])
    return found


def wrong(rule: dict[str, Any], value: Any, at: str = "model.json") -> list[str]:
    """Where a value breaks a rule, by those words of JSON Schema that the documentation uses."""
    assert set(rule) <= KNOWN, set(rule) - KNOWN
    named = [rule["type"]] if isinstance(rule.get("type", []), str) else rule.get("type", [])
    of_type = any(isinstance(value, TYPES[name]) and (name == "boolean" or value is not True) for name in named)
    checks = {
        "type": not named or of_type,
        "enum": value in rule.get("enum", [value]),
        "pattern": not isinstance(value, str) or re.search(rule.get("pattern", ""), value),
        "range": not isinstance(value, int | float)
        or (
            rule.get("minimum", value) <= value <= rule.get("maximum", value)
            and value > rule.get("exclusiveMinimum", -np.inf)
        ),
    }
    found = [f"{at}: {name}" for name, right in checks.items() if not right]
    if isinstance(value, dict):
        found += [f"{at}: {name} is missing" for name in rule.get("required", []) if name not in value]
        for name, one in value.items():
            inner = rule.get("properties", {}).get(name, rule.get("additionalProperties"))
            found += [] if inner is None else wrong(inner, one, f"{at}/{name}")
    if isinstance(value, list) and "items" in rule:
        found += [fault for one in value for fault in wrong(rule["items"], one, f"{at}/…")]
    return found


@pytest.mark.parametrize("path", EARLIER, ids=[path.parent.name for path in EARLIER])
def test_earlier_models_keep_to_the_schema(path: Path) -> None:
    assert wrong(schema(), json.loads(path.read_text(encoding="utf-8"))) == []


def test_models_of_today_keep_to_it_and_every_fault_is_found(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3))
    tm.TransferRegressor("probe").fit(x, x[:, 0] + rng.normal(size=60)).save(tmp_path / "amounts")
    tm.TransferClassifier("knn").fit(x, np.where(x[:, 0] > 0, "a", "b")).save(tmp_path / "classes")
    for run in ("amounts", "classes"):
        model = json.loads((tmp_path / run / "model.json").read_text(encoding="utf-8"))
        assert wrong(schema(), model) == []
    for where, value in [
        (("format",), 4),
        (("temperature",), 0),
        (("head", "kind"), "round"),
        (("backbone", "fingerprint"), "abc"),
        (("backbone", "width"), True),
        (("classes",), [1]),
        (("files", "model.safetensors"), "00"),
    ]:
        damaged = copy.deepcopy(model)
        inside = damaged
        for name in where[:-1]:
            inside = inside[name]
        inside[where[-1]] = value
        assert len(wrong(schema(), damaged)) == 1, where
    del model["head"]
    assert wrong(schema(), model) == ["model.json: head is missing"]


def test_the_schema_knows_every_format_and_head() -> None:
    told = schema()["properties"]
    assert told["format"]["maximum"] == FORMAT
    assert set(told["head"]["properties"]["kind"]["enum"]) == set(FORMATS)


def test_the_citation_has_the_version() -> None:
    assert f"\nversion: {tm.__version__}\n" in (HERE.parent / "CITATION.cff").read_text(encoding="utf-8")
