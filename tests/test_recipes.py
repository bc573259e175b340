"""The recipes in ``examples/`` run in a short form, end with their verdict, and say which data is missing."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
DATA = Path(__file__).parents[2] / "shared" / "data"
SHORT = {"medicine": {}, "income": {"ROWS": "600"}, "driving": {"EACH": "12"}, "reviews": {"ROWS": "150"}} | {
    "recommendation": {"USERS": "40"},
    "policies": {"SEEDS": "2"},
}
ENDS = {"medicine": "auto, and those twenty", "income": "worse off than the others: ", "driving": "night: as it is"} | {
    "reviews": "tablets to hotels: ",
    "recommendation": "20 ratings each",
    "policies": "a lake whose old way ends in holes",
}
ITS_OWN = ("medicine", "policies")
"""Those that read no data from elsewhere."""
VERDICTS = ("helped", "hurt", "No evidence", "no evidence", "was not asked")


@pytest.mark.parametrize("name", [name for name in SHORT if name not in ITS_OWN])
def test_what_is_missing_is_said(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA", str(tmp_path))
    with pytest.raises(SystemExit, match=f"is not there. Say where .* python examples/{name}.py"):
        runpy.run_path(str(EXAMPLES / f"{name}.py"))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::transferium.errors.TransferiumWarning")  # so few examples are warned of
@pytest.mark.parametrize("name", list(SHORT))
def test_a_recipe_comes_to_a_verdict(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if name not in ITS_OWN and not DATA.is_dir():
        # The data sets are never part of the project; whoever has them beside it runs this.
        pytest.skip("the reference data is not beside the project")
    monkeypatch.setenv("DATA", str(DATA))
    for variable, value in SHORT[name].items():
        monkeypatch.setenv(variable, value)
    runpy.run_path(str(EXAMPLES / f"{name}.py"))
    said = capsys.readouterr().out
    assert ENDS[name] in said and any(word in said for word in VERDICTS)
