"""Pretraining on texts: it learns, it goes on after an interruption bit for bit, and it says what cannot be."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from transferium.data.corpora.documents import TextCorpus
from transferium.errors import BackboneError, DataError, InputError, TransferiumWarning
from transferium.methods.pretraining.by_objective import find_pretraining, objectives_of
from transferium.methods.pretraining.encoder_folder import write_pooling
from transferium.methods.pretraining.pretraining import Pretrained, Spot
from transferium.models.catalogue import find_backbone
from transferium.models.sources.transformers_models import text_pooling

SUBJECTS = {"dog": "barks", "cat": "purrs", "bird": "sings", "fish": "swims"}
SMALL = {"layers": 1, "width": 16, "heads": 2, "length": 24, "vocabulary": 100, "epochs": 2, "held_share": 0.2}


def corpus(n: int = 60) -> TextCorpus:
    draw = np.random.default_rng(0)
    animals = [str(draw.choice(list(SUBJECTS))) for _ in range(n)]
    return TextCorpus(
        [f"the {a} {SUBJECTS[a]} {i % 7}. a {a} again {SUBJECTS[a]}. so a {a}." for i, a in enumerate(animals)]
    )


def learned(
    folder: Path, objective: str = "mlm", start: str | None = None, texts: TextCorpus | None = None, **more: object
) -> Pretrained:
    spot = Spot(folder, progress=more.pop("progress", None), checkpoint_steps=1)
    asked = objectives_of(objective)
    return find_pretraining(asked, SMALL | more, "text").pretrain(texts or corpus(), asked, start, spot)


def written(done: Pretrained, folder: Path) -> Path:
    folder.mkdir()
    done.write(folder)
    return folder


class StoppedError(Exception):
    pass


def stop_at(step: int):
    def progress(what: str, done: int, _total: int) -> None:
        if what == "pretrain" and done == step:
            raise StoppedError

    return progress


@pytest.mark.parametrize("objective", ["mlm,nsp", "sop", "mlm,dae"])
def test_what_was_interrupted_ends_bit_for_bit_as_if_it_had_not_been(tmp_path: Path, objective: str) -> None:
    whole = learned(tmp_path / "whole", objective, batch_size=8)
    with pytest.raises(StoppedError):
        learned(tmp_path / "cut", objective, batch_size=8, progress=stop_at(5))
    cut = learned(tmp_path / "cut", objective, batch_size=8)
    assert cut.history == whole.history and len(whole.history) == 12
    files = [written(done, tmp_path / name) / "model.safetensors" for done, name in ((whole, "a"), (cut, "b"))]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_it_learns_more_than_how_often_words_come(tmp_path: Path) -> None:
    done = learned(tmp_path / "state", epochs=25, lr=1e-2)
    assert done.held["mlm"] < done.beside["guess by frequency"] - 1


@pytest.mark.parametrize("noise", ["deletion", "infilling"])
def test_a_row_says_which_words_stand_in_a_text(tmp_path: Path, noise: str) -> None:
    done = learned(tmp_path / "state", "dae", epochs=25, lr=1e-2, noise=noise, strength=0.3)
    assert done.held["dae"] < done.beside["guess by frequency"] - 0.1


def test_what_comes_out_is_a_backbone_and_a_language_model(tmp_path: Path) -> None:
    folder = written(learned(tmp_path / "state"), tmp_path / "encoder")
    backbone = find_backbone(folder, "text")
    assert (backbone.width, backbone.preprocess.max_length) == (16, 24)
    model = transformers.AutoModelForMaskedLM.from_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    given = tokenizer(["the dog barks"], return_tensors="pt")
    with torch.no_grad():
        rows = model.base_model(**{k: v for k, v in given.items() if k != "token_type_ids"}).last_hidden_state
        seen = backbone.build()(torch.tensor(backbone.preprocess(["the dog barks"])))
    np.testing.assert_allclose(seen[0].numpy(), rows[0].mean(0).numpy(), atol=1e-6)
    assert tokenizer.mask_token == "[MASK]"


def test_it_goes_on_from_what_came_out(tmp_path: Path) -> None:
    folder = written(learned(tmp_path / "state", epochs=8, lr=1e-2), tmp_path / "encoder")
    again = learned(tmp_path / "again", start=str(folder), epochs=1, lr=1e-6)
    new = learned(tmp_path / "new", epochs=1, lr=1e-6)
    assert again.held["mlm"] < new.held["mlm"] - 0.5
    assert (
        written(again, tmp_path / "b")
        and (tmp_path / "b" / "tokenizer.json").read_bytes() == (folder / "tokenizer.json").read_bytes()
    )


def test_a_new_network_drops_what_is_asked(tmp_path: Path) -> None:
    folder = written(learned(tmp_path / "state", epochs=1, dropout=0.25), tmp_path / "encoder")
    told = json.loads((folder / "config.json").read_text())
    assert (told["hidden_dropout_prob"], told["attention_probs_dropout_prob"]) == (0.25, 0.25)


def test_another_architecture_by_its_config(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    transformers.DistilBertConfig(
        dim=16, n_heads=2, n_layers=1, hidden_dim=32, max_position_embeddings=24
    ).save_pretrained(tmp_path / "config")
    folder = written(learned(tmp_path / "state", config=str(tmp_path / "config"), epochs=1), tmp_path / "encoder")
    assert find_backbone(folder, "text").width == 16


def test_a_new_network_reads_as_many_tokens_as_it_has_positions_for(tmp_path: Path) -> None:
    config = transformers.RobertaConfig(
        hidden_size=16, num_attention_heads=2, num_hidden_layers=1, intermediate_size=32, max_position_embeddings=24
    )
    config.save_pretrained(tmp_path / "config")
    texts = TextCorpus([f"the dog {i} " + "runs and runs " * 30 for i in range(9)])
    done = learned(tmp_path / "state", config=str(tmp_path / "config"), epochs=1, texts=texts)
    assert done.said == ("9 of 9 documents are longer than 22 tokens: cut into several",)
    assert find_backbone(written(done, tmp_path / "encoder"), "text").preprocess.max_length == 22


@pytest.mark.parametrize(("pooling", "normalise"), [("cls", False), ("max", True)])
def test_tokens_are_pooled_as_where_it_started(tmp_path: Path, pooling: str, normalise: bool) -> None:
    folder = written(learned(tmp_path / "state", epochs=1), tmp_path / "encoder")
    write_pooling(folder, 16, pooling, normalise)
    again = written(learned(tmp_path / "again", start=str(folder), epochs=1), tmp_path / "b")
    assert text_pooling(again) == (pooling, normalise)


def test_a_start_whose_rows_could_not_be_read_again_is_refused_before_training(tmp_path: Path) -> None:
    folder = written(learned(tmp_path / "state", epochs=1), tmp_path / "encoder")
    (folder / "modules.json").write_text('[{"path": "", "type": "a.Transformer"}, {"path": "1", "type": "a.Dense"}]')
    with pytest.raises(BackboneError, match="Dense, which is not supported"):
        learned(tmp_path / "again", start=str(folder))
    assert not list((tmp_path / "again").glob("*.safetensors"))


def test_a_corpus_half_written_with_another_tokenizer_is_read_anew(tmp_path: Path) -> None:
    first = learned(tmp_path / "state", epochs=1)

    def stop(what: str, _done: int, _total: int) -> None:
        if what == "reading the corpus":
            raise StoppedError

    with pytest.raises(StoppedError):
        learned(tmp_path / "state", epochs=1, tokenizer="characters", progress=stop)
    again = learned(tmp_path / "state", epochs=1)
    assert again.counts == first.counts and again.beside == first.beside


@pytest.mark.parametrize("name", ["ids.bin", "sentences.npy", "tokenizer.json", "corpus.json"])
def test_a_corpus_that_was_damaged_in_its_folder_is_read_anew(tmp_path: Path, name: str) -> None:
    first = learned(tmp_path / "state", epochs=1)
    file = tmp_path / "state" / "corpus" / name
    file.write_bytes(file.read_bytes()[:50])
    again = learned(tmp_path / "state", epochs=1)
    assert again.counts == first.counts and again.beside == first.beside


def test_tokenizer_and_model_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    folder = written(learned(tmp_path / "state", epochs=1), tmp_path / "encoder")
    config = transformers.AutoConfig.from_pretrained(folder)
    config.vocab_size = 20
    transformers.AutoModelForMaskedLM.from_config(config).save_pretrained(folder)
    with pytest.raises(BackboneError, match=r"do not belong together: [0-9]+ pieces .* 20 embeddings"):
        learned(tmp_path / "again", start=str(folder))


def test_longer_texts_are_cut_and_said(tmp_path: Path) -> None:
    texts = TextCorpus([f"the dog {i} " + "runs and runs " * 30 for i in range(9)])
    done = learned(tmp_path / "state", texts=texts, epochs=1)
    assert done.said == ("9 of 9 documents are longer than 24 tokens: cut into several",)
    assert done.counts["train"] + done.counts["held_out"] > 27


@pytest.mark.parametrize(
    ("texts", "objective", "said"),
    [
        ([], "mlm", "holds no text|no two different pieces"),
        (["one line of several words"], "mlm", "1 different documents to learn from"),
        (["said twice", "said twice"], "mlm", "1 different documents"),
        (["a", "a"], "mlm", "no two different pieces"),
        (["one sentence", "another sentence"], "nsp", "0 different documents to learn from by nsp"),
    ],
)
def test_a_corpus_that_is_too_small_is_refused(tmp_path: Path, texts: list[str], objective: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        learned(tmp_path / "state", objective, texts=TextCorpus(texts), tokenizer="characters")


def test_copies_lie_on_one_side(tmp_path: Path) -> None:
    from transferium.training.feeds.corpus import Tokens

    texts = TextCorpus([f"text {i % 10} about {i % 10} things" for i in range(60)])
    method = find_pretraining(("mlm",), SMALL)
    learned(tmp_path, texts=texts, epochs=1)
    train, held, _ = method._divide(tmp_path, None, 24)
    assert isinstance(train.tokens, Tokens) and len(train) + len(held) == 60
    sides = [{tuple(part.raw(i).tolist()) for i in range(len(part))} for part in (train, held)]
    assert sides[0] and sides[1] and not sides[0] & sides[1]


def test_a_corpus_in_another_script_is_warned_of(tmp_path: Path) -> None:
    folder = written(learned(tmp_path / "state", epochs=1, tokenizer="characters"), tmp_path / "encoder")
    chinese = TextCorpus([f"{'天地人和' * (i + 1)}。" for i in range(9)])
    with pytest.warns(TransferiumWarning, match="unknown to the tokenizer"):
        learned(tmp_path / "again", start=str(folder), texts=chinese, epochs=1)


@pytest.mark.parametrize(
    ("objective", "said"),
    [("mln", r"no objective 'mln'\. Did you mean 'mlm'"), ("mlm,mlm", "twice"), ("nsp,sop", "pairs in different ways")],
)
def test_objectives_that_cannot_be(tmp_path: Path, objective: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        learned(tmp_path, objective)
