"""An encoder that stops at an earlier layer gives what the whole one has there; the mean is that of all."""

from __future__ import annotations

import pytest
import torch

from transferium.data.domain import Kind
from transferium.errors import BackboneError
from transferium.models.catalogue import backbone_of_model, find_backbone


def test_a_layer_and_the_mean_of_all_are_what_the_whole_encoder_has_there() -> None:
    whole = find_backbone("all_minilm_l6_v2", "text")
    second, mean = (find_backbone(f"all_minilm_l6_v2@{layer}", "text", max_length=64) for layer in ("2", "mean"))
    assert [len(one.blocks) for one in (whole, second, mean)] == [7, 3, 7]
    assert len({one.fingerprint for one in (whole, second, mean)}) == 3
    assert getattr(second.preprocess, "max_length", None) == 64
    ids = torch.tensor([[101, 2204, 2143, 102], [101, 2919, 102, 0]])
    mask = (ids > 0).long()
    module = whole.build()
    with torch.inference_mode():
        states = torch.stack(module.model(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states)
        for backbone, rows in ((second, states[2]), (mean, states[1:].mean(dim=0))):
            expected = (rows * mask[:, :, None]).sum(dim=1)
            expected = expected / expected.norm(dim=1, keepdim=True)
            torch.testing.assert_close(backbone.build()(ids, mask), expected, rtol=1e-4, atol=1e-5)
    names = {name for name, _ in second.build().named_parameters()}
    assert all(any(name.startswith(block) for block in second.blocks) for name in names)


def test_a_saved_model_finds_its_layer_by_name_and_the_last_layer_is_the_encoder_itself() -> None:
    second = find_backbone("all_minilm_l6_v2@2", "text")
    assert backbone_of_model(second.name, "text").fingerprint == second.fingerprint
    assert find_backbone("all_minilm_l6_v2@6", "text").graph is not None
    words = find_backbone("all_minilm_l6_v2@2", "sentence")
    assert words.output == "tokens" and words.fingerprint != second.fingerprint


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("all_minilm_l6_v2@7", "text", "has 6 layers, and '7' is none of them: say all_minilm_l6_v2@1 to"),
        ("all_minilm_l6_v2@all", "text", "are several backbones, which rank compares: name one layer"),
        ("char_ngrams@1", "text", "char_ngrams has no layers to choose from"),
        ("efficientnet_lite0@2", "image", "efficientnet_lite0 has no layers to choose from"),
    ],
)
def test_a_layer_that_is_not_there_is_refused(name: str, kind: Kind, said: str) -> None:
    with pytest.raises(BackboneError, match=said):
        find_backbone(name, kind)
