"""Zero-shot: what labels mean comes from their names or a file, nothing is learned, and every row is evaluated on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import transferium as tm
from transferium.data.domain import Domain
from transferium.embedding.embed import Embedder
from transferium.errors import DataError, InputError
from transferium.functional.matrices import unit_rows
from transferium.methods.task import Task
from transferium.methods.zero_shot.answers import SCALE
from transferium.methods.zero_shot.descriptions import descriptions_of, read_descriptions
from transferium.methods.zero_shot.zero_shot import ZeroShot
from transferium.models.catalogue import find_backbone
from worlds.toy import blobs

TEXTS = ["the dog barks", "a puppy and a hound", "stock prices fell", "the bank raised its interest rates"]
LABELS = ["a_pet", "a_pet", "finance", "finance"]


def sayings(n: int = 4, labels: list[str] = LABELS) -> Domain:
    return tm.read(TEXTS[:n], label=labels[:n], name="sayings")


def task(domain: Domain | None = None) -> Task:
    return Task(domain or sayings(), None, find_backbone("char_ngrams", "text"), Embedder(None), 0)


def test_it_is_the_softmax_of_cosines_to_the_mean_directions() -> None:
    method = ZeroShot({"a_pet": ["a dog", "an animal"], "finance": "finance"}, templates=("{}", "It is {}."))
    given = task()
    fitted = method.fit(given)
    seen = unit_rows(given.embed(given.train).features)
    rows = []
    for said in (["a dog", "an animal"], ["finance"]):
        alone = [
            unit_rows(tm.embed([t.format(s) for s in said], backbone="char_ngrams", store=False)).mean(0)
            for t in method.templates
        ]
        rows.append(unit_rows(np.stack(alone)).mean(0))
    powers = np.exp(SCALE * seen @ unit_rows(np.stack(rows)).T)
    np.testing.assert_allclose(
        fitted.head.outputs(seen.astype(np.float32)), powers / powers.sum(1, keepdims=True), atol=1e-6
    )
    assert list(fitted.beside) == ["template '{}'", "template 'It is {}.'"]
    assert fitted.backbone is given.backbone


def test_labels_of_the_training_part_change_nothing() -> None:
    given = task()
    wrong = Task(sayings(labels=LABELS[::-1]), None, given.backbone, given.embedder, 0)
    assert ZeroShot().fit(given).head.equals(ZeroShot().fit(wrong).head)


def test_one_face_says_what_the_other_does() -> None:
    said = {"a_pet": ["dog", "puppy and hound"], "finance": ["stock prices", "interest rates of the bank"]}
    model = tm.TransferClassifier("zero-shot", backbone="char_ngrams", settings={"labels": said}, store=False)
    assert model.fit(TEXTS, LABELS).predict(TEXTS).tolist() == LABELS
    assert (model.classes_[model.predict_proba(TEXTS).argmax(1)] == model.predict(TEXTS)).all()


@pytest.mark.parametrize("names", [("0", "1"), ("a", "b"), ("class_1", "class 2"), ("LABEL_0", "LABEL_1")])
def test_names_that_say_nothing_are_refused(names: tuple[str, str]) -> None:
    with pytest.raises(InputError, match=r"say nothing.*labels="):
        ZeroShot().fit(task(sayings(labels=[names[0], names[0], names[1], names[1]])))
    told = {name: f"thing {k}" for k, name in enumerate(names)}
    assert descriptions_of(names, told, "data") == {name: (text,) for name, text in told.items()}


def test_labels_that_are_described_alike_are_refused() -> None:
    with pytest.raises(InputError, match=r"'a' and 'c' are both described by 'x', 'y'.*nothing tells them apart"):
        descriptions_of(("a", "b", "c"), {"a": ["x", "y"], "b": "x", "c": ["y", "x"]}, "data")


def test_labels_without_a_description_and_descriptions_without_a_label() -> None:
    with pytest.raises(DataError, match=r"'a_pet' of 'sayings' has no description.*Did you mean 'a pet'"):
        ZeroShot({"a pet": "a dog", "finance": "finance"}).fit(task())
    with pytest.raises(DataError, match=r"describes 'Finance', and no example of 'sayings' has that label"):
        ZeroShot({"a_pet": "a dog", "finance": "finance", "Finance": "finance"}).fit(task())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[1]", "it holds list and no object"),
        ('{"a": 3}', "'a' the value 3: a text is needed"),
        ('{"a": []}', "a text is needed"),
        ('{"a": ["x", " "]}', "a text is needed"),
        ("{}", "describes no label"),
        ("{", "cannot be read"),
        ('{"a": "x", "a": "y"}', "'a' stands in it twice"),
    ],
)
def test_a_file_that_describes_nothing(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "names.json"
    path.write_text(content)
    with pytest.raises(InputError, match=said):
        ZeroShot(str(path))


def test_a_label_may_have_any_name() -> None:
    assert read_descriptions({"seal": "a sea animal", 3: "three"}) == {"seal": ("a sea animal",), "3": ("three",)}


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        ZeroShot(str(tmp_path / "names.json"))


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(InputError, match="holds feature rows"):
        ZeroShot().check_data(blobs(8))


def test_a_template_without_a_place_is_refused() -> None:
    with pytest.raises(InputError, match=r"place \{\}"):
        ZeroShot(templates=("It is.",))
