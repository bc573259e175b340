"""Where a result came from: versions, data, command and time."""

from __future__ import annotations

import hashlib
import platform
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from transferium.data.domain import Domain

_PACKAGES = ("transferium", "numpy", "scipy", "onnxruntime", "torch", "timm", "transformers", "tokenizers", "pillow")


def data_fingerprint(domain: Domain) -> str:
    """SHA-256 over every example's content hash and label, in order."""
    digest = hashlib.sha256()
    labels = domain.labels if domain.labels is not None else [-1] * len(domain)
    for key, label in zip(domain.keys or (), labels, strict=True):
        digest.update(f"{key}:{label}\n".encode())
    digest.update("\n".join(() if domain.problem is None else domain.problem.names).encode())
    return digest.hexdigest()


def provenance(command: str, fingerprint: str) -> dict[str, Any]:
    """Plain data for the artifact, ``metrics.json`` and the report."""
    return {
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "command": command,
        "data": fingerprint,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """The versions of the packages a result rests on."""
    return {name: found for name in _PACKAGES if (found := _version(name))}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
