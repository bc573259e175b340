"""The example of a translation there and back, on random models as small as they can be."""

import importlib.util
import sys
from pathlib import Path

import pytest
import torch

from transferium.errors import InputError

WORDS = ["<pad>", "</s>", "<unk>", "a", "good", "bad", "film"]


@pytest.fixture(scope="module")
def example():
    path = Path(__file__).parents[3] / "examples" / "back_translation.py"
    spec = importlib.util.spec_from_file_location("back_translation", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["back_translation"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["back_translation"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import MarianConfig, MarianMTModel, PreTrainedTokenizerFast

    target = tmp_path_factory.mktemp("marian")
    words = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(target)
    tall = {f"{part}_{name}": 1 for part in ("encoder", "decoder") for name in ("layers", "attention_heads")}
    wide = {f"{part}_ffn_dim": 8 for part in ("encoder", "decoder")}
    ends = {"pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 0, "forced_eos_token_id": 1}
    config = MarianConfig(vocab_size=len(WORDS), d_model=8, max_position_embeddings=10, **tall, **wide, **ends)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    MarianMTModel(config).save_pretrained(target)
    return target


def test_there_and_back(example, folder):
    texts = ["a good film", "bad", "a a a bad film film film", "good"]
    translate = example.BackTranslation(example.Translation(folder, batch_size=3), example.Translation(folder))
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    made = translate(texts)
    assert torch.equal(torch.rand(1), expected), "the caller's random numbers are left alone"
    assert len(made) == 4 and all(isinstance(text, str) for text in made)
    assert set(" ".join(made).split()) <= set(WORDS)
    assert made == translate(texts)
    other = example.BackTranslation(example.Translation(folder), example.Translation(folder), seed=1)
    assert made != other(texts)


def test_the_fine_tuning_says_which_models_it_was(example, folder):
    from transferium.methods.finetuning.finetune import FineTune
    from transferium.training.augment.rewriting import Rewritten

    translate = example.BackTranslation(example.Translation(folder), example.Translation(folder))
    said = FineTune(augment=Rewritten(translate)).to_json()["augment"]
    assert (
        said.startswith("Rewritten(back_translation.BackTranslation(there=Translation(folder=") and str(folder) in said
    )


def test_a_folder_without_a_model_is_named(example, tmp_path, capsys):
    data = tmp_path / "reviews.csv"
    data.write_text("text,label\na good film,1\na bad film,0\n")
    asked = [str(data), "--text", "text", "--label", "label", "--there", str(tmp_path / "none"), "--back", "x"]
    assert example.main(asked) == 2
    assert f"no translation model in {tmp_path / 'none'} (config.json is missing)" in capsys.readouterr().err
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{}")
    with pytest.raises(InputError, match=r"broken cannot be read as a translation model"):
        example.Translation(tmp_path / "broken")(["a"])
