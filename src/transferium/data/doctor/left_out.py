"""What was given and is not among the examples, with the reason, as findings that every command shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from transferium.data.columns.column import UNUSED, USED
from transferium.data.columns.table import Table
from transferium.data.doctor.findings import Finding, Severity, count, some
from transferium.data.domain import Domain
from transferium.errors import option

_WORDS: dict[str, tuple[str, Severity, str, str]] = {
    "closed": ("unopened-folder", "error", "folder", "that cannot be opened"),
    "images": (
        "ignored-image",
        "warning",
        "image",
        "left aside: no folder of a class, part or row of the table has it",
    ),
    "classes": ("missing-class", "warning", "folder", "without images, and so without a class"),
    "parts": ("ignored-part", "warning", "part", "without labels, left aside (with so many examples)"),
    "tables": ("ignored-table", "warning", "table", "beside the examples, not read"),
    "unannotated": ("unannotated", "warning", "picture", "without an annotation, left aside"),
    "annotations": ("ignored-annotation", "warning", "annotation", "of a picture that is not there"),
    "negatives": ("without-boxes", "note", "picture", "without a file of boxes, taken for one without things"),
    "crowds": ("crowd", "warning", "region", "of a crowd, left out, in these files"),
    "clipped": ("clipped-box", "warning", "picture", "with boxes that reach beyond it, cut at its side"),
    "empty-boxes": ("empty-box", "warning", "picture", "with boxes of no area inside of it, which are left out"),
    "shapes": ("other-shape", "warning", "picture", "of other proportions than its annotation says: look at its boxes"),
    "circles": ("ignored-link", "warning", "link", "to a folder that is read already, not followed"),
    "deep": ("ignored-folder", "warning", "folder", "too deep inside others, not opened"),
    "files": ("ignored-file", "note", "file", "beside the examples, not read"),
    "folders": ("ignored-file", "note", "folder", "beside the examples, not read"),
    "hidden": ("ignored-file", "note", "hidden or system file or folder", "not read"),
}
"""By reason, as in ``Domain.ignored``: kind and severity of the finding, the noun, and what became of them."""


_OF_BOXES = ("annotations", "labels")
"""What folders of annotations are usually called, beside the pictures with the boxes."""


def left_out(domain: Domain) -> list[Finding]:
    """Findings on what lay beside the examples and was not read, the worst first; ``ids`` names all of it."""
    plural = {"hidden or system file or folder": "hidden or system files or folders"}
    found = [
        Finding(
            kind,
            severity,
            f"{count(len(names), noun, plural.get(noun))} {what}: {some(names)}{_hint(reason, names)}",
            tuple(names),
        )
        for reason, (kind, severity, noun, what) in _WORDS.items()
        if (names := domain.ignored.get(reason))
    ]
    return [*_dropped_columns(domain), *found]


def _hint(reason: str, names: Sequence[str]) -> str:
    """What else a folder without a class may be, by its name; the end of a message."""
    annotated = reason == "classes" and any(PurePosixPath(name).name.lower() in _OF_BOXES for name in names)
    return f" (if it holds boxes of the pictures: {option('problem', 'boxes')})" if annotated else ""


def _dropped_columns(domain: Domain) -> list[Finding]:
    """Findings on columns of a table from which nothing is learned, by the reason."""
    columns = domain.samples.columns if isinstance(domain.samples, Table) else ()
    reasons: dict[str, list[str]] = {}
    for column in columns:
        if column.type not in USED:
            reasons.setdefault(column.note or UNUSED[column.type], []).append(column.name)
    found = []
    for why, names in reasons.items():
        share = f"{len(names)} of {count(len(columns), 'column')} {'is' if len(names) == 1 else 'are'}"
        how = f" ({option('type', f'{names[0]}=text')})" if why == UNUSED["text"] else ""
        message = f"{share} left out, {why}{how}: {some(map(repr, names))}"
        found.append(Finding("ignored-column", "warning", message, tuple(names)))
    return found


def why_so_few(domain: Domain) -> str:
    """Sentences on what is missing from ``domain``: examples that cannot be used, and what was not read. May be empty.

    The end of an error where nothing is left to learn from: each begins with a space.
    """
    unread = [finding.message for finding in left_out(domain) if finding.severity != "note"]
    return "".join(f" {said}." for said in (*domain.ignored.get("unusable", ()), *unread))
