"""Words that stand for a cell without a value."""

from __future__ import annotations

from typing import Any

NOTHING = ("", "na", "n/a", "#n/a", "nan", "nat", "null", "none", "<na>", "?", "-", "--")
"""What is written where there is nothing, in small letters."""


def is_text(kind: Any) -> bool:
    """Whether an Arrow type is a text."""
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def without_gaps(column: Any) -> Any:
    """Trimmed texts of an Arrow column, null where they say that there is nothing."""
    import pyarrow as pa
    from pyarrow import compute

    trimmed = compute.utf8_trim_whitespace(column)
    nothing = compute.is_in(compute.utf8_lower(trimmed), value_set=pa.array(NOTHING, column.type))
    return compute.if_else(nothing, pa.scalar(None, column.type), trimmed)
