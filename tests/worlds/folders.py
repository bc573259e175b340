"""Folders of small pictures and notes."""

from __future__ import annotations

from pathlib import Path

from PIL import Image


def plant(root: Path, *names: str) -> Path:
    """One small picture, each of another colour, under every name that ends like an image; a note under the others."""
    for i, name in enumerate(names):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix.lower() in (".png", ".jpg", ".gif", ".webp", ".tif"):
            Image.new("RGB", (8, 6), (i, 2 * i, 3 * i)).save(file)
        else:
            file.write_text("a note")
    return root


def pictures(start: str, labels: tuple[str, ...] = ("cat", "dog"), n: int = 2) -> list[str]:
    """Names of ``n`` pictures below ``start`` for each of ``labels``; without any, in ``start`` itself."""
    inside = [f"{label}/" for label in labels] or [""]
    return [f"{start}{label}{i}.png" for label in inside for i in range(n)]
