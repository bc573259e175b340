"""What the rules of axe-core (WCAG: contrast, names, order, keyboard) have against a page."""

from __future__ import annotations

from typing import Any

import pytest


def violations(tab: Any) -> list[str]:
    """Each broken rule with the first element that breaks it; none where all is well."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not installed")
    found = axe.Axe().run(tab).response["violations"]
    return [f"{rule['id']}: {rule['nodes'][0]['html']} {rule['nodes'][0]['failureSummary']}" for rule in found]
