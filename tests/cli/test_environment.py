"""Every environment variable that is read can be found by a user."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import transferium
from transferium.cli.environment import VARIABLES

SRC = Path(transferium.__file__).parent
READ = re.compile(r"""(?:environ(?:\.get\(|\[)|getenv\(|_number\(|parse_flag_from_env\()\s*["']([A-Z_0-9]+)["']""")
WINDOWS = {"SYSTEMROOT"}


def test_every_variable_that_is_read_is_in_the_help_and_in_the_docs(run_cli: Callable) -> None:
    read = {name for path in SRC.rglob("*.py") for name in READ.findall(path.read_text(encoding="utf-8"))} - WINDOWS
    assert {"TRANSFERIUM_HOME", "WANDB_MODE", "RANK", "CXX"} <= read
    shown = run_cli("--help").out
    missing = [name for name in sorted(read) if name not in shown and not name.startswith("FSDP_")]
    assert not missing
    readme = (SRC.parents[1] / "README.md").read_text(encoding="utf-8")
    assert not [name for name in VARIABLES if name not in readme]


def test_the_version_has_a_short_option(run_cli: Callable) -> None:
    assert run_cli("-V").out == run_cli("--version").out == f"transferium, version {transferium.__version__}\n"
