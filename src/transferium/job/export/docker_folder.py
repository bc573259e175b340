"""A saved model as a folder that Docker builds an image of, which serves it: from packages alone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from transferium.artifact import Artifact
from transferium.version import __version__

DOCKERFILE = """\
FROM python:{python}-slim
RUN useradd --create-home --uid 10001 transferium
COPY packages /packages
COPY requirements.txt /requirements.txt
RUN python -m pip install --no-cache-dir --find-links /packages --requirement /requirements.txt
COPY model /model
USER 10001
EXPOSE 8000
HEALTHCHECK --start-period=30s CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health', timeout=5)"]
CMD ["transferium", "serve", "/model", "--host", "0.0.0.0", "--port", "8000"]
"""  # noqa: E501  (a command in the form of a list has to stand in one line)
PACKAGES = """\
Wheels that lie here are taken before those of the package registry. A machine that reaches none needs them all:

    python -m pip download --dest packages --requirement requirements.txt

and `--no-index` beside `--find-links` in the Dockerfile.
"""


def fill_docker(artifact: Artifact, folder: Path) -> dict[str, Any]:
    """Write ``Dockerfile``, ``requirements.txt``, the model, and a place for wheels; what is to be known of it."""
    (folder / "model").mkdir()
    artifact.write_into(folder / "model")
    (folder / "packages").mkdir()
    (folder / "packages" / "README.md").write_text(PACKAGES, "utf-8")
    (folder / "requirements.txt").write_text(f"transferium[backbones,serve,sounds]=={__version__}\n", "utf-8")
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    (folder / "Dockerfile").write_text(DOCKERFILE.format(python=python), "utf-8")
    return {"format": "docker", "fingerprint": artifact.fingerprint, "classes": list(artifact.classes)}
