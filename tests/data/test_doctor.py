"""Every finding, each planted once and each absent once."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from transferium.data.doctor.doctor import check_trainable, diagnose, used_classes
from transferium.data.doctor.duplicates import NEAR, near_pairs, tie
from transferium.data.doctor.findings import Diagnosis
from transferium.data.doctor.scan import scan
from transferium.data.domain import Domain
from transferium.data.read import read
from transferium.data.split import divide
from transferium.errors import DataError


def picture(colour: int, format: str = "PNG") -> bytes:
    noise = np.random.default_rng(colour).integers(0, 255, (12, 12, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, format)
    return buffer.getvalue()


def plant(root: Path, files: dict[str, bytes]) -> Domain:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return read(root)


def look(domain: Domain, features: np.ndarray | None = None, **problems: str) -> Diagnosis:
    at = {list(domain.ids).index(name): reason for name, reason in problems.items()}
    return diagnose(domain, scan(domain), problems=at, features=features)


def said(diagnosis: Diagnosis, kind: str) -> list[str]:
    return [f"{f.severity}: {f.message}" for f in diagnosis.findings if f.kind == kind]


def healthy() -> dict[str, bytes]:
    return {f"{c}/{i}.png": picture(10 * (c == "b") + i) for c in "ab" for i in range(6)}


def test_healthy_data_have_no_findings(tmp_path: Path) -> None:
    features = np.random.default_rng(0).normal(size=(12, 30))
    diagnosis = look(plant(tmp_path, healthy()), features)
    assert diagnosis.findings == diagnosis.errors == ()
    assert diagnosis.keep.all()
    assert not diagnosis.leaked.any()
    assert len(set(diagnosis.groups)) == 12


def test_bad_files_are_put_aside_and_named(tmp_path: Path) -> None:
    files = healthy() | {"a/empty.jpg": b"", "a/page.jpg": b"<html>404</html>", "b/cut.png": picture(99)[:60]}
    domain = plant(tmp_path, files)
    at = list(domain.ids).index("b/cut.png")
    diagnosis = diagnose(domain, scan(domain), problems={at: "truncated PNG (60 bytes, and its end is missing)"})
    assert said(diagnosis, "empty") == ["error: 1 example put aside: a/empty.jpg (empty file (0 bytes))"]
    assert said(diagnosis, "unreadable") == ["error: 1 example put aside: a/page.jpg (not an image but an HTML page)"]
    assert said(diagnosis, "truncated") == [
        "error: 1 example put aside: b/cut.png (truncated PNG (60 bytes, and its end is missing))"
    ]
    aside = {domain.ids[i] for i in np.flatnonzero(~diagnosis.keep)}
    assert aside == {"a/empty.jpg", "a/page.jpg", "b/cut.png"}
    assert len(diagnosis.errors) == 3


def test_long_lists_are_cut_short_and_complete_in_ids(tmp_path: Path) -> None:
    diagnosis = look(plant(tmp_path, healthy() | {f"a/bad{i}.png": b"" for i in range(9)}))
    (finding,) = diagnosis.findings
    assert finding.message.startswith("9 examples put aside: a/bad0.png (empty file (0 bytes)), ")
    assert finding.message.endswith(" and 6 more")
    assert len(finding.ids) == 9


def test_a_file_that_is_not_what_its_name_says_is_used(tmp_path: Path) -> None:
    diagnosis = look(plant(tmp_path, healthy() | {"a/7.jpg": picture(77)}))
    assert said(diagnosis, "wrong-extension") == [
        "warning: 1 file is not what the name says, and read by content: a/7.jpg (a PNG)"
    ]
    assert diagnosis.keep.all()


def test_exact_copies_are_tied(tmp_path: Path) -> None:
    domain = plant(tmp_path, healthy() | {"a/copy.png": picture(0)})
    diagnosis = look(domain)
    assert said(diagnosis, "duplicate") == ["warning: 1 exact copy of another example: a/0.png = a/copy.png"]
    first, copy = (list(domain.ids).index(name) for name in ("a/0.png", "a/copy.png"))
    assert diagnosis.groups[first] == diagnosis.groups[copy]
    assert len(set(diagnosis.groups)) == 12
    for seed in range(10):
        assert {first, copy} & set(divide(domain, seed=seed, groups=diagnosis.groups).test) in ({first, copy}, set())


def test_one_example_under_two_labels(tmp_path: Path) -> None:
    diagnosis = look(plant(tmp_path, healthy() | {"b/same.png": picture(0)}))
    assert said(diagnosis, "two-labels") == [
        "error: 1 example has two labels: a/0.png (a) = b/same.png (b); decide which is right"
    ]


def test_a_leak_is_named_and_its_earlier_copies_marked(tmp_path: Path) -> None:
    files = {f"{part}/{name}": content for part in ("train", "test") for name, content in healthy().items()}
    files = {name: content + name.encode() for name, content in files.items()}
    files["train/a/leak.png"] = files["test/a/1.png"]
    files["train/b/0.png"] = files["val/b/0.png"] = files["test/b/0.png"]
    files["val/a/0.png"] = picture(50)
    domain = plant(tmp_path, files)
    diagnosis = look(domain)
    assert said(diagnosis, "leak") == [
        "error: 2 examples are in more than one part: train/a/leak.png (train) = test/a/1.png (test), "
        "train/b/0.png (train) = test/b/0.png (test); 3 copies in an earlier part are not learned from"
    ]
    marked = {domain.ids[i] for i in np.flatnonzero(diagnosis.leaked)}
    assert marked == {"train/a/leak.png", "train/b/0.png", "val/b/0.png"}


def test_equal_rows_of_whole_numbers_are_no_leak_but_equal_measurements_are() -> None:
    rows = np.random.default_rng(0).normal(size=(20, 3))
    rows[15] = rows[2]
    parts = ["train"] * 12 + ["test"] * 8
    measured = look(read(rows, label=[0, 1] * 10, part=parts))
    assert measured.leaked.nonzero()[0].tolist() == [2]
    counted = look(read(np.round(rows * 100), label=[0, 1] * 10, part=parts))
    assert not counted.leaked.any()
    assert said(counted, "leak")[0].endswith("rows of whole numbers can be equal by chance, so all are kept")
    assert counted.errors == ()
    assert said(counted, "two-labels") == ["note: 1 example has two labels: 2 (0) = 15 (1)"]


def near_features(n: int = 60, width: int = 40) -> np.ndarray:
    """Row 5 is row 0 with 10 % noise (cosine about 0.995), row 9 is an exact copy of row 1 with the same key."""
    random = np.random.default_rng(0)
    features = random.normal(size=(n, width)).astype(np.float32)
    features[5] = features[0] + 0.1 * random.normal(size=width)
    return features


def test_near_copies_are_tied_and_exact_ones_not_counted_twice() -> None:
    features = near_features()
    features[9] = features[1]
    texts = [f"text {i}" for i in range(60)]
    texts[9] = texts[1]
    domain = read(texts, label=[0, 1] * 30)
    diagnosis = look(domain, features)
    assert said(diagnosis, "near-duplicate") == [
        f"note: 1 pair of examples nearly the same (cosine of features at least {NEAR}): 0 ~ 5"
    ]
    assert diagnosis.groups[0] == diagnosis.groups[5]
    assert diagnosis.groups[1] == diagnosis.groups[9]
    assert len(set(diagnosis.groups)) == 58


def test_near_copies_in_two_parts_are_a_warning() -> None:
    domain = read([f"text {i}" for i in range(60)], label=[0, 1] * 30, part=["train"] * 5 + ["test"] * 55)
    assert said(look(domain, near_features()), "near-duplicate")[0].startswith("warning: 1 pair of")
    assert said(look(domain, near_features()), "near-duplicate")[0].endswith("0 ~ 5; 1 pair lies in two parts")


def test_likeness_that_would_swallow_a_class_ties_nothing() -> None:
    """Where all examples of a class are alike, likeness says nothing about copying."""
    random = np.random.default_rng(0)
    features = random.normal(size=(40, 30))
    features[::2] = features[0] + 0.01 * random.normal(size=(20, 30))
    diagnosis = look(read([f"text {i}" for i in range(40)], label=[0, 1] * 20), features)
    assert len(set(diagnosis.groups)) == 40
    (message,) = said(diagnosis, "near-duplicate")
    assert message.startswith("warning: 190 pairs of examples nearly the same")
    assert "not tied, since that would leave class '0' with 1 independent example of 20; if they do belong" in message


def test_too_many_examples_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transferium.data.doctor.doctor.MOST", 50)
    diagnosis = look(read([f"text {i}" for i in range(60)], label=[0, 1] * 30), near_features())
    assert said(diagnosis, "near-duplicate") == [
        "note: near duplicates were not looked for: 60 examples are more than 50"
    ]


@pytest.mark.parametrize("n, width", [(300, 64), (5000, 600)])
def test_near_pairs_are_those_a_full_comparison_finds(n: int, width: int) -> None:
    """Also where the sketch prunes (many wide rows): with copies at all distances from the threshold."""
    random = np.random.default_rng(1)
    features = random.normal(size=(n, 20)) @ random.normal(size=(20, width)) + 0.3 * random.normal(size=(n, width))
    for i in range(0, 200, 2):
        features[i + 1] = features[i] + (0.002 * i) * features.std() * random.normal(size=width)
    x = features - features.mean(0)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    expected = np.argwhere(np.triu(x @ x.T >= NEAR, k=1))
    assert 20 < len(expected) < 100
    found = near_pairs(features)
    assert sorted(map(tuple, found.tolist())) == sorted(map(tuple, expected.tolist()))


def test_near_pairs_of_few_rows_and_of_equal_rows() -> None:
    assert near_pairs(np.ones((3, 5))).shape == (0, 2)
    for value in (1.0, 0.1, 1e-20):
        assert near_pairs(np.full((9, 5), value)).shape == (0, 2), "rows without any difference have no direction"


def test_the_search_for_pairs_ends_where_nothing_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transferium.data.doctor.duplicates.ENOUGH", 1000)
    monkeypatch.setattr("transferium.data.doctor.doctor.ENOUGH", 1000)
    random = np.random.default_rng(0)
    features = np.repeat([[1.0] * 5, [-1.0] * 5], 1000, axis=0) + 1e-3 * random.normal(size=(2000, 5))
    assert 1000 < len(near_pairs(features)) < 900_000
    diagnosis = look(read([f"t{i}" for i in range(2000)], label=np.arange(2000) % 2), features)
    assert said(diagnosis, "near-duplicate") == [
        "warning: more than 1,000 pairs of examples nearly the same (cosine of features at least 0.97): "
        "these features hardly tell them apart, so nothing is tied"
    ]
    assert len(set(diagnosis.groups)) == 2000


def test_pairs_that_join_classes_as_chance_would_are_no_copies() -> None:
    """A weak backbone of which one direction says nearly all; copies with a wrong label now and then are tied."""
    random = np.random.default_rng(0)
    labels = np.arange(200) % 2
    line = random.normal(size=(200, 1)) * np.ones(6) + 0.01 * random.normal(size=(200, 6))
    texts = read([f"t{i}" for i in range(200)], label=labels)
    diagnosis = look(texts, line)
    assert len(set(diagnosis.groups)) == 200
    (only,) = said(diagnosis, "near-duplicate")
    assert (
        only.startswith("warning: ")
        and "% of them have different labels" in only
        and only.endswith("so nothing is tied")
    )
    taken_twice = np.repeat(random.normal(size=(100, 40)), 2, axis=0)
    for wrong in (0, 10, 20):
        of_pairs = np.repeat(np.arange(100) % 2, 2)
        of_pairs[1 : 2 * wrong : 2] ^= 1
        again = look(read([f"t{i}" for i in range(200)], label=of_pairs), taken_twice)
        assert len(set(again.groups)) == 100


def test_ties_run_through_all_partitions_and_pairs() -> None:
    groups = tie(7, [np.array([0, 0, 1, 2, 3, 4, 5]), np.array([9, 8, 8, 7, 6, 5, 4])], np.array([[2, 3], [3, 4]]))
    assert groups.tolist() == [0, 0, 0, 0, 0, 1, 2]


def test_given_groups_stay_together() -> None:
    domain = read(["x", "y", "x", "z"], label=[0, 1, 0, 1], group=["p", "p", "q", "r"])
    groups = look(domain).groups
    assert groups[0] == groups[1] == groups[2] != groups[3]


def test_classes_with_few_examples_and_out_of_balance() -> None:
    domain = read([f"t{i}" for i in range(44)], label=["big"] * 40 + ["small"] * 4)
    diagnosis = look(domain)
    assert said(diagnosis, "few-examples") == ["warning: 1 class has fewer than 5 examples: 'small' (4)"]
    assert said(diagnosis, "imbalance") == [
        "warning: class 'big' has 40 examples and 'small' 4: read balanced accuracy and the table by class, "
        "not accuracy alone"
    ]
    assert said(look(domain.take(range(1, 44))), "imbalance") == [], "39 to 4 is under ten to one"


def test_parts_without_a_class() -> None:
    labels = ["a"] * 6 + ["b"] * 6 + ["c"] * 6
    parts = ["train"] * 5 + ["test"] + ["train"] * 6 + ["val"] * 3 + ["test"] * 3
    diagnosis = look(read([f"t{i}" for i in range(18)], label=labels, part=parts))
    assert said(diagnosis, "missing-class") == [
        "warning: 1 class missing from train, so cannot be learned: 'c'",
        "warning: 2 classes missing from val, so not measured on val: 'a', 'b'",
        "warning: 1 class missing from test, so not measured on test: 'b'",
    ]


def test_a_class_of_bad_files_only(tmp_path: Path) -> None:
    files = healthy() | {"c/1.png": b"", "c/2.png": b"<html>"}
    domain = plant(tmp_path / "three", files)
    diagnosis = look(domain)
    assert said(diagnosis, "missing-class") == ["error: 1 class without a usable example: 'c'"]
    usable = domain.take(diagnosis.keep)
    check_trainable(usable)
    assert (usable.classes, used_classes(usable).classes) == (("a", "b", "c"), ("a", "b"))
    assert used_classes(usable.take([6, 0])).y.tolist() == [1, 0]
    two = plant(tmp_path / "two", {k: v for k, v in files.items() if k[0] != "b"})
    with pytest.raises(DataError, match=r"has only one class, 'a' \(6 examples\): .* 'c' has no usable example"):
        check_trainable(two.take(look(two).keep))


def test_pictures_of_formats_that_are_not_read_are_errors_whatever_they_are_called(tmp_path: Path) -> None:
    avif, heic = (b"\0\0\0\x18ftyp" + kind + bytes(300) for kind in (b"avif", b"heic"))
    diagnosis = look(plant(tmp_path, healthy() | {"c/1.avif": avif, "c/2.jpg": heic, "c/3.jxl": b"\xff\x0a" + avif}))
    (message,) = said(diagnosis, "unreadable")
    assert message.startswith(
        "error: 3 examples put aside: c/1.avif (not an image but an AVIF picture: save it as JPEG"
    )
    assert "c/2.jpg (not an image but a HEIC photo: save it as JPEG or PNG)" in message
    assert said(diagnosis, "missing-class") == ["error: 1 class without a usable example: 'c'"]


def test_what_lies_beside_the_examples_is_named(tmp_path: Path) -> None:
    files = healthy() | {"a/notes.txt": b"x", "b/boxes.xml": b"x", "empty/readme.md": b"x"}
    diagnosis = look(plant(tmp_path, files))
    assert said(diagnosis, "ignored-file") == [
        "note: 3 files beside the examples, not read: a/notes.txt, b/boxes.xml, empty/readme.md"
    ]
    assert said(diagnosis, "missing-class") == ["warning: 1 folder without images, and so without a class: empty"]


def test_columns_that_say_nothing(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b,c,size,label\n1.5,7,1,3 m,p\n2.5,7,1,8 in,q\n3.5,7,1,9 cm,p\n")
    diagnosis = look(read(tmp_path / "t.csv"))
    assert said(diagnosis, "constant-feature") == ["note: 2 columns have one value throughout: b, c"]
    assert said(diagnosis, "ignored-column") == [
        "warning: 1 of 4 columns is left out, units differ: 'cm', 'in', 'm': write them in one, or say what type it "
        "is: 'size'"
    ]


def test_cells_of_a_table_may_be_missing_or_of_any_size(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("age,pay,label\n1,2.5,p\n2,,q\n3,inf,p\n4,1e300,p\n")
    diagnosis = look(read(tmp_path / "t.csv"))
    assert said(diagnosis, "not-finite") == [] and diagnosis.keep.all()


def test_features_that_are_not_finite_are_put_aside(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("age,pay,label\n1,2.5,p\n2,,q\n3,4.5,p\n")
    diagnosis = look(read(tmp_path / "t.csv", kind="features"))
    assert said(diagnosis, "not-finite") == ["error: 1 example put aside: 1 (NaN or infinite in pay)"]
    assert diagnosis.keep.tolist() == [True, False, True]


def test_rows_beyond_single_precision_are_put_aside_as_not_finite(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("age,pay,label\n1,2.5,p\n2,-1e300,q\n3,,p\n4,4.5,p\n")
    diagnosis = look(read(tmp_path / "t.csv", kind="features"))
    why = "1 (too large for single precision in pay), 2 (NaN or infinite in pay)"
    assert said(diagnosis, "not-finite") == [f"error: 2 examples put aside: {why}"]
    assert diagnosis.keep.tolist() == [True, False, False, True]


def test_empty_texts_are_put_aside() -> None:
    diagnosis = look(read(["fine", " ", "good", ""], label=[0, 1, 0, 1]))
    assert said(diagnosis, "empty") == ["error: 2 examples put aside: 1 (empty text), 3 (empty text)"]


def test_a_diagnosis_becomes_json(tmp_path: Path) -> None:
    domain = plant(tmp_path, healthy() | {"a/bad.png": b"", "a/copy.png": picture(0)})
    plain = json.loads(json.dumps(look(domain).to_json()))
    assert (plain["examples"], plain["kept"], plain["quarantined"], plain["groups"]) == (14, 13, 1, 12)
    assert [f["kind"] for f in plain["findings"]] == ["empty", "duplicate"]
    assert plain["findings"][1]["ids"] == ["a/0.png", "a/copy.png"]


@pytest.mark.parametrize(
    "labels, groups, message",
    [
        (None, None, r"'data' has no labels: give one for each example with label=…. To adapt .*, as source=…"),
        (["a", "a", "a"], None, r"has only one class, 'a' \(3 examples\): give examples of two classes at least"),
        (["a", "b", "c"], None, r"has one example per class, too few to hold any out: give at least two of each class"),
        (["a", "a", "b"], ["x", "x", "y"], r"has one example per class \(copies count as one\), too few to hold any"),
    ],
)
def test_what_cannot_be_trained(labels: list[str] | None, groups: list[str] | None, message: str) -> None:
    domain = read(["t0", "t1", "t2"], label=labels, group=groups)
    with pytest.raises(DataError, match=message):
        check_trainable(domain)


def test_an_unlabeled_table_names_its_columns(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("age,income\n1,low\n2,high\n")
    with pytest.raises(
        DataError, match=r"'t' has no labels: name the column .* with label=…; its columns are 'age', 'income'"
    ):
        check_trainable(read(tmp_path / "t.csv"))


def test_no_usable_example_at_all() -> None:
    domain = read([" ", ""], label=["a", "b"])
    with pytest.raises(DataError, match="has no usable example: give examples of two classes at least"):
        check_trainable(domain.take(look(domain).keep))


def test_unlabeled_data_can_be_looked_at(tmp_path: Path) -> None:
    diagnosis = look(plant(tmp_path, {"1.png": picture(1), "2.png": picture(1), "3.png": b""}))
    assert [f.kind for f in diagnosis.findings] == ["empty", "duplicate"]


def test_a_look_at_four_hundred_examples_is_quick() -> None:
    random = np.random.default_rng(0)
    domain = read([f"t{i}" for i in range(400)], label=random.integers(0, 2, 400))
    seen, features = scan(domain), random.normal(size=(400, 1280)).astype(np.float32)
    started = time.process_time()
    diagnose(domain, seen, features=features)
    assert time.process_time() - started < 1.0


def test_office_has_copies_inside_its_classes(shared_data) -> None:
    domain = read(shared_data("office_caltech10") / "amazon")
    diagnosis = look(domain)
    (message,) = said(diagnosis, "duplicate")
    assert message.startswith("warning: ")
    assert len(set(diagnosis.groups)) < len(domain)
    assert diagnosis.errors == ()


def test_ants_and_bees_are_healthy(shared_data) -> None:
    assert look(read(shared_data("hymenoptera"))).findings == ()
