"""``transferium methods``: what many methods share is printed once, and every setting can still be found."""

from __future__ import annotations

from collections.abc import Callable

from transferium.cli.method_list import SHARED
from transferium.methods.catalogue import METHODS, describe_methods


def blocks(out: str) -> dict[str, list[str]]:
    parts = [block.splitlines() for block in out.strip().split("\n\n")]
    return {lines[0].partition(":")[0]: lines[1:] for lines in parts}


def test_every_setting_is_under_its_method_or_under_the_one_it_is_shared_with(run_cli: Callable) -> None:
    ran = run_cli("methods")
    assert ran.code == 0
    printed = blocks(ran.out)
    assert list(printed) == list(METHODS)
    for method in describe_methods():
        lines = printed[method["name"]]
        roots = [name for name in SHARED if lines and lines[-1].endswith(f"settings of {name}")]
        there = [line for name in (method["name"], *roots) for line in printed[name]]
        for setting in method["settings"]:
            assert any(line.startswith(f"  --set {setting['name']}={setting['default']} ") for line in there), setting


def test_what_is_shared_is_not_said_again_and_what_differs_is(run_cli: Callable) -> None:
    printed = blocks(run_cli("methods").out)
    assert sum(line.startswith("  --set cutmix=") for lines in printed.values() for line in lines) == 1
    assert [line.split()[1] for line in printed["lp-ft"][:-1]] == ["lr=5e-05", "head_lr=5e-05"]
    assert printed["lp-ft"][-1] == "  and the other settings of finetune"
    assert printed["dann"][-1] == "  and the other settings of source-network"
    assert not printed["knn"][-1].startswith("  and")


def test_json_is_complete(run_cli: Callable) -> None:
    described = {
        method["name"]: {s["name"] for s in method["settings"]} for method in run_cli("methods", "--json").json
    }
    assert described["finetune"] < described["bss"] and "cutmix" in described["lp-ft"]
