"""What needs PyTorch says so before anything is read, where it is not installed."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from transferium.cli.app import cli
from transferium.methods.catalogue import METHODS, find_method, method_class
from transferium.models.catalogue import find_backbone
from transferium.system.extras import MissingExtraError, can_train


@pytest.fixture
def core(monkeypatch: pytest.MonkeyPatch) -> None:
    """An install without PyTorch."""
    monkeypatch.setattr("transferium.system.extras.find_spec", lambda name: None)


def test_torch_is_seen() -> None:
    assert can_train()


@pytest.mark.usefixtures("core")
@pytest.mark.parametrize("name", METHODS)
def test_a_method_that_trains_is_refused_and_no_other(name: str) -> None:
    if not method_class(name)().trains:
        assert find_method(name, {}).name == name
        return
    with pytest.raises(MissingExtraError, match=rf"method '{name}' trains a network.*transferium\[train\]"):
        find_method(name, {})


@pytest.mark.usefixtures("core")
def test_auto_trains_where_its_adaptations_move_the_backbone() -> None:
    assert not find_method("auto", {}).trains
    with pytest.raises(MissingExtraError, match="auto"):
        find_method("auto", {"tuning": "full"})


@pytest.mark.usefixtures("core")
@pytest.mark.parametrize("name", ["small_cnn", "hf/owner/name", "timm/resnet18", "resnet18@weights.pth"])
def test_backbones_that_need_torch_are_refused(name: str) -> None:
    with pytest.raises(MissingExtraError, match=rf"backbone {name} needs PyTorch"):
        find_backbone(name, "image")
    seen = CliRunner().invoke(cli, ["fit", "not_there", "--backbone", name])
    assert isinstance(seen.exception, MissingExtraError), "before DATA is looked for"


@pytest.mark.usefixtures("core")
def test_a_folder_is_a_foreign_backbone_and_a_misspelled_name_is_none(tmp_path: Path) -> None:
    with pytest.raises(MissingExtraError):
        find_backbone(tmp_path, "image")
    with pytest.raises(Exception, match="Did you mean 'efficientnet_lite0'"):
        find_backbone("efficientnet_lit0", "image")
