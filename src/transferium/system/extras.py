"""What the extras install: ``train`` PyTorch and what is built on it, ``sounds`` a decoder of sound files,
``serve`` a web server, ``rl`` environments of reinforcement learning.
"""

from __future__ import annotations

from importlib.util import find_spec

from transferium.errors import TransferiumError

INSTALL = 'python -m pip install "transferium[train]"'


class MissingExtraError(TransferiumError, ImportError):
    """What was asked for needs packages that an extra brings."""


def can_train() -> bool:
    """Whether PyTorch is installed; it is not imported."""
    return find_spec("torch") is not None


def require_train(what: str) -> None:
    """Raise ``MissingExtraError`` where PyTorch is not installed; ``what`` begins the sentence."""
    if not can_train():
        raise MissingExtraError(f"{what} needs PyTorch, which is not installed here: {INSTALL}")


def require_sounds() -> None:
    """Raise ``MissingExtraError`` where the library that decodes sounds is not installed; it is not imported."""
    if find_spec("soundfile") is None:
        raise MissingExtraError(
            "sound files are decoded by soundfile, which is not installed here: "
            'python -m pip install "transferium[sounds]"'
        )


def require_gymnasium() -> None:
    """Raise ``MissingExtraError`` where gymnasium is not installed; it is not imported."""
    if find_spec("gymnasium") is None:
        raise MissingExtraError(
            "policies play in environments of gymnasium, which is not installed here: "
            'python -m pip install "transferium[rl]"'
        )


def require_matplotlib() -> None:
    """Raise ``MissingExtraError`` where matplotlib is not installed; it is not imported."""
    if find_spec("matplotlib") is None:
        raise MissingExtraError(
            "plots are drawn by matplotlib, which is not installed here: python -m pip install matplotlib"
        )


def require_server() -> None:
    """Raise ``MissingExtraError`` where the libraries of the web server are not installed; none is imported."""
    lacking = [name for name in ("fastapi", "uvicorn", "multipart", "prometheus_client") if find_spec(name) is None]
    if lacking:
        raise MissingExtraError(
            f"transferium serve needs {', '.join(lacking)}, which is not installed here: "
            'python -m pip install "transferium[serve]"'
        )


def require_remote(what: str) -> None:
    """Raise ``MissingExtraError`` where the library that reads URLs and archives is not installed; none is imported."""
    if find_spec("fsspec") is None:
        raise MissingExtraError(
            f'{what} is read by fsspec, which is not installed here: python -m pip install "transferium[remote]"'
        )
