"""What the extra ``train`` installs: PyTorch and what is built on it. Everything on frozen features does without."""

from __future__ import annotations

from importlib.util import find_spec

from transferium.errors import TransferiumError

INSTALL = 'python -m pip install "transferium[train]"'


class MissingExtraError(TransferiumError, ImportError):
    """What was asked for needs packages that the extra ``train`` brings."""


def can_train() -> bool:
    """Whether PyTorch is installed; it is not imported."""
    return find_spec("torch") is not None


def require_train(what: str) -> None:
    """Raise ``MissingExtraError`` where PyTorch is not installed; ``what`` begins the sentence."""
    if not can_train():
        raise MissingExtraError(f"{what} needs PyTorch, which is not installed here: {INSTALL}")
