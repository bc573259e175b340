"""Every kind of example has a row in each table by kind, or a reason why it has none."""

from __future__ import annotations

from typing import get_args

import pytest

from transferium.data.domain import Kind
from transferium.models.modality import MODALITIES
from transferium.training.augment.recipe import LANGUAGES

TABLES = {
    "the bundled backbones": (MODALITIES, {"features": "feature rows are read as they are"}),
    "the recipes of augmentation": (LANGUAGES, {"features": "nothing is known of what columns mean"}),
}


@pytest.mark.parametrize("name", TABLES)
def test_every_kind_has_a_row_or_a_reason(name: str) -> None:
    rows, reasons = TABLES[name]
    assert {*rows, *reasons} == {*get_args(Kind)}
    assert not {*rows} & {*reasons}, "a reason is given for a kind that has a row"
